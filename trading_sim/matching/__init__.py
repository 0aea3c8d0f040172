"""Matching core: a pure function of (symbol table, command stream) to an event stream.

`twin` is the executable specification in plain Python, `core` the fast engine over flat arrays. Both take the same
commands and give the same bytes and the same state hash. Nothing here reads a clock, a random source or the
environment, except the command line in `replay`.
"""
