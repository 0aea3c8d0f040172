"""The customers: seeded order flow through the centres, with a book of every request so that loss is measured, not assumed."""
