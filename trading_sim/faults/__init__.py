"""Named fault points with leases: what can be broken, for how long, and how it ends by itself."""
