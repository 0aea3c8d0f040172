"""The nodes of one centre: state, agent over HTTP, metrics, release store, configuration, log."""
