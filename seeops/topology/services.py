"""Writes of the topology, as other apps call them."""

from __future__ import annotations

from seeops.topology.importer import topology_import

__all__ = ["topology_import"]
