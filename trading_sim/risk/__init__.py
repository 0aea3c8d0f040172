"""Pre-trade checks: what may go on to the matching core."""
