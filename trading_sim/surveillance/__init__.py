"""Market surveillance: watches every executed order of the shards and finds who trades to deceive.

Design contract. The detectors are a pure function of the entries of a shard's feed, in order: no clock, no chance, no I/O. How the
entries are cut into batches does not change a finding. Memory is bounded: every table has a size, and what does not fit is counted,
never silently dropped. Three steps: watch (to know), warn (somebody must look), act (the account may only cancel).
"""
