"""Wire layouts of COMMAND and EVENT as the matching contract gives them (little-endian, packed).

Structured dtypes compare by layout, so arrays of these and of the matching core's own dtypes are interchangeable.
"""

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
