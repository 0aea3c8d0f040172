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
        ("sellable", "<i4"),  # may be sold now; below zero: an option written, a share borrowed and sold
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

SAME_DAY, OPTION, FUND, GRADED = 1, 2, 4, 8
"""Bits of SYMBOL.flags: bought today may be sold today; an option or a lent share, sold short against margin; traded at its NAV only;
not for every investor."""

TERMS = np.dtype(
    [
        ("unit_margin", "<i8"),  # fen that one written contract freezes today
        ("margin_ppm", "<i8"),  # seller's margin in millionths of the value at the reference price
        ("lendable", "<i8"),  # shares the broker lends to short sellers, 0: no bound (options)
        ("lent", "<i8"),  # sold by those who did not own them
        ("nav", "<i8"),  # the only price of a fund
        ("next_nav", "<i8"),  # from the next settlement on, 0 for no change
        ("min_notional", "<i8"),  # of a BUY of a fund
        ("grade", "<i8"),  # of the product: an investor's must not be below
        ("collateral_ppm", "<i8"),  # how much of its value a position counts as collateral
        ("max_notional", "<i8"),  # limits of the symbol's own, 0 for none
        ("max_quantity", "<i8"),
        ("max_position", "<i8"),
        ("collar_ppm", "<i8"),
    ]
)
"""What only options, lent shares, funds, marks and changes of rules are asked for."""

MARGIN, CLOSING_ONLY, OWN_LIMITS = 1, 2, 4
"""Bits of ACCOUNT.flags: may borrow or write options; below maintenance, so may only close; has limits of its own."""

OWN = np.dtype(
    [
        ("max_notional", "<i8"),
        ("max_quantity", "<i8"),
        ("rate_max", "<i8"),
        ("credit_line", "<i8"),  # fen the broker lends at most
        ("initial_ppm", "<i8"),
        ("maintenance_ppm", "<i8"),
    ]
)
"""Limits of an account's own, 0 for none (then the shard's hold)."""

CONTROL = np.dtype(
    [
        ("max_order_id", "<i8"),
        ("last_order", "<i8"),  # highest order id of the day
        ("fees", "<i8"),  # commission and stamp duty collected, ever
        ("interest", "<i8"),  # collected on debts, ever
        ("window", "<i8"),  # number of the window of the order rate, modulo 2^32
        ("refused", "<i8"),  # commands the desk refused, ever
        ("accounts", "<i8"),
        ("day", "<i8"),
        ("rules_version", "<i8"),  # rises by one with every change of a rule
        ("max_notional", "<i8"),
        ("max_quantity", "<i8"),
        ("max_position", "<i8"),
        ("collar_ppm", "<i8"),
        ("rate_max", "<i8"),
        ("initial_ppm", "<i8"),
        ("maintenance_ppm", "<i8"),
        ("interest_ppm", "<i8"),
    ]
)
"""The counters and limits of a whole shard."""

LARGEST_QUANTITY = 2**31 - 1
"""No position, and no open quantity of an account in a symbol, is larger."""

LARGEST_AMOUNT = 9 * 10**12
"""No order may move more fen: a fee rate in millionths of it still is an int64."""

LARGEST_PRICE = 2**31 - 1


class LedgerError(ValueError):
    """A balance, an account or a symbol that the ledger cannot have: says which and what to do."""
