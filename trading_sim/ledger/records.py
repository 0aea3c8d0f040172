"""The records of accounts, positions and symbols that the hot loop works on.

Money is in fen, prices in ticks of one fen, quantities in shares or contracts; everything is an integer. An account here is
the sub-account that a customer has on one shard, so that a shard can settle and prove its conservation alone.

An account is one cache line, a position half of one: what a command does to either costs one access to memory. What a BUY
order freezes follows from its price and open quantity, so there is no record of an order here.
"""

from __future__ import annotations

import numpy as np

ACCOUNT = np.dtype(
    [
        ("cash", "<i8"),  # free; below zero only as far as `credit` and margin calls let it
        ("frozen", "<i8"),  # held by open BUY orders and by short options
        ("turnover", "<i8"),  # of the day
        ("credit", "<i8"),  # how far below zero free cash may go for a purchase
        ("status", "u1"),
        ("flags", "u1"),
        ("grade", "u1"),  # of the investor: what risk of a product it may buy
        ("pad", "u1"),
        ("group", "<u4"),  # accounts of one owner or of owners that belong together; 0: none
        ("orders", "<u4"),  # NEW commands ever seen, whatever became of them
        ("cancels", "<u4"),  # of the day, as are the next two
        ("trades", "<u4"),
        ("own", "<u4"),  # trades with oneself or one's own group
        ("count", "<u4"),  # orders of the window `window`
        ("window", "<u4"),
    ]
)
"""One account, 64 bytes."""

POSITION = np.dtype(
    [
        ("sellable", "<i4"),  # may be sold now; of an option, below zero: written and not bought back
        ("held", "<i4"),  # by open SELL orders
        ("today", "<i4"),  # bought today, sellable after settlement (T+1)
        ("buying", "<i4"),  # open quantity of BUY orders
        ("orders", "<u4"),  # of the day, as are the next three
        ("cancels", "<u4"),
        ("trades", "<u4"),
        ("own", "<u4"),
    ]
)
"""What one account has of one symbol, 32 bytes."""

SYMBOL = np.dtype(
    [
        ("max_notional", "<i8"),  # of one order, in fen
        ("volume", "<i8"),  # of the day, as are turnover and trades
        ("turnover", "<i8"),
        ("max_quantity", "<i4"),  # of one order
        ("max_position", "<i4"),  # of one account
        ("last", "<i4"),
        ("high", "<i4"),  # upper band, 0 for none
        ("trades", "<u4"),
        ("commission_ppm", "<u4"),
        ("stamp_ppm", "<u4"),
        ("collar_ppm", "<u4"),
        ("multiplier", "<i4"),  # shares a contract; 1 for shares
        ("flags", "<u4"),
    ]
)
"""What orders and trades of a symbol are measured by, 64 bytes."""

SAME_DAY, OPTION, FUND = 1, 2, 4
"""Bits of SYMBOL.flags: bought today may be sold today; may be written (sold short against margin); traded at its NAV only."""

TERMS = np.dtype(
    [
        ("unit_margin", "<i8"),  # fen that one written contract freezes today
        ("nav", "<i8"),  # the only price of a FUND
        ("min_notional", "<i8"),  # of a BUY of a FUND
        ("grade", "<i8"),  # of the product: an investor's must not be below
    ]
)
"""What only options and funds are asked for."""

MARGIN, CLOSING_ONLY, OWN_LIMITS = 1, 2, 4
"""Bits of ACCOUNT.flags: may borrow or write options; below maintenance, so may only close; has limits of its own."""

OWN = np.dtype([("max_notional", "<i8"), ("max_quantity", "<i8"), ("rate_max", "<i8")])
"""Limits of one account's own, 0 for none."""

CONTROL = np.dtype(
    [
        ("max_order_id", "<i8"),
        ("last_order", "<i8"),  # highest order id of the day
        ("fees", "<i8"),  # collected, ever
        ("window", "<i8"),  # number of the window of the order rate
        ("rate_max", "<i8"),
        ("max_notional", "<i8"),
        ("max_quantity", "<i8"),
        ("refused", "<i8"),  # commands refused, ever
        ("accounts", "<i8"),
    ]
)
"""The counters and limits of a whole shard."""

LARGEST_QUANTITY = 2**31 - 1
"""No position, and no open quantity of an account in a symbol, is larger."""
