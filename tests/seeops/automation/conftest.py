"""Fixtures of the estate."""

from tests.estate import centre, centre_process, estate, small_estate
from tests.seeops.automation.operated import operated

__all__ = ["centre", "centre_process", "estate", "operated", "small_estate"]
