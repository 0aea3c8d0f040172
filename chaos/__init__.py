"""Experiments on the trading cluster: a chaostoolkit extension, experiment files, the runner and its own verdict."""
