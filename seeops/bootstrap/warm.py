"""Compile the cluster's hot loops into the cache: one day of one shard with one order, run through every kernel."""

from __future__ import annotations

import importlib
import pkgutil

import trading_sim


def main() -> None:
    """Import every module of the cluster; those that compile at import, or offer `warm()`, do it now."""
    for module in pkgutil.walk_packages(trading_sim.__path__, "trading_sim."):
        if module.name.endswith(".__main__"):
            continue
        loaded = importlib.import_module(module.name)
        if callable(getattr(loaded, "warm", None)):
            loaded.warm()


if __name__ == "__main__":
    main()
