"""Shadow runs: the journal of a live replica executed by another version of the shard, and compared with what this one makes of it."""
