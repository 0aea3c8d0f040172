"""The simulated trading cluster: a plain Python product of its own; it knows nothing of the console."""
