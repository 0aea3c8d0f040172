"""Constants, record layouts and frames that outsiders may import; imports nothing else of the cluster."""
