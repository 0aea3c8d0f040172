"""Fixtures of the estate."""

from tests.estate import centre, centre_process, estate, small_estate

__all__ = ["centre", "centre_process", "estate", "small_estate"]
