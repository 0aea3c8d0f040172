"""Seams for clock, randomness, files and network, and the seeded simulator that stands behind them."""
