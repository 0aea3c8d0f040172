"""Who owns what: cash, positions, what open orders hold of both, fees, settlement."""
