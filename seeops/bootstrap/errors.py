"""The one kind of failure a person is meant to read."""


class SetupError(Exception):
    """What happened, to what, and what to do, in one sentence. `make` shows it without a traceback."""
