"""Wire layouts of COMMAND and EVENT as the matching contract gives them (little-endian, packed)."""

from __future__ import annotations

import numpy as np

COMMAND = np.dtype(
    [
        ("seq", "<u8"),
        ("order_id", "<u8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("symbol", "<u4"),
        ("account", "<u4"),
        ("kind", "u1"),
        ("side", "u1"),
        ("type", "u1"),
        ("tif", "u1"),
    ]
)
"""One command, 40 bytes. Prices in ticks, quantities in shares or contracts."""

EVENT = np.dtype(
    [
        ("seq", "<u8"),
        ("order_id", "<u8"),
        ("maker_id", "<u8"),
        ("price", "<i8"),
        ("qty", "<u4"),
        ("leaves", "<u4"),
        ("symbol", "<u4"),
        ("kind", "u1"),
        ("reason", "u1"),
        ("side", "u1"),
        ("flags", "u1"),
    ]
)
#: Whose orders an event is about, aligned with EVENT: owner of order_id, and of maker_id (0 where there is none).
PARTY = np.dtype([("account", "<u4"), ("other", "<u4")])
"""One event, 48 bytes."""
