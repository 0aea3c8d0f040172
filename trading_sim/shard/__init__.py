"""A matching shard as a replicated state machine: journal, consensus, sessions, replica process and client."""
