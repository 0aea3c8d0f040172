"""Modules that are loaded when they are first used.

A worker that was killed must look after its releases again within seconds. Libraries that take a second of a processor to load
and that few tasks need would be most of that time.
"""

from __future__ import annotations

import importlib
from typing import Any


class Late:
    """Stands for the module `name`; the first attribute asked for loads it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        return getattr(importlib.import_module(self._name), attribute)
