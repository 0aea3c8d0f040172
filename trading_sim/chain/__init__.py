"""The path of a batch of requests through the hops of its business chain."""
