"""Client sessions: a binary protocol, FIX 4.4 and market data, above one order entry that feeds the shards."""
