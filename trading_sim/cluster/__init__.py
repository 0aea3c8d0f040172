"""Starts a cluster from cluster.yaml, keeps its processes alive, stops it."""
