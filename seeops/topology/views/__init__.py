"""Pages of the topology: the map, the chains, and what breaks if something is taken away."""
