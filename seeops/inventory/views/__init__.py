"""Pages of the estate: lists and details of nodes and services, and what is done to nodes."""
