"""Checks a run from its files alone: the replicas' journals and snapshots against the customers' own history."""
