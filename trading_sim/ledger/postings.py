"""What holding, releasing and trading do to balances. Compiled into the hot loop.

Rounding: a fee is floor(notional * ppm / 1,000,000) for every trade, and a freeze holds the notional plus floor of the fee
on all of it. Because floor(a) + floor(b) <= floor(a + b), what a freeze releases for a part always pays for that part, whatever
the order of the fills: free cash cannot become negative by a trade.

What a written option or a borrowed share freezes follows from the account's position alone: `unit_margin` for each that is sold,
or offered, and not owned. The proceeds are part of that margin.
"""

import numpy as np

from trading_sim.jit import inlined
from trading_sim.ledger.records import OPTION, SAME_DAY

BUY, SELL = 1, 2
MILLION = np.uint64(1_000_000)


@inlined
def share(amount, ppm):
    """Floor of so many millionths of an amount that is not negative."""
    return np.int64(np.uint64(amount) * np.uint64(ppm) // MILLION)


@inlined
def position_of(desk, row, symbol):
    """The position record: all accounts of a symbol stand together, because trades meet within a symbol."""
    return desk.positions[symbol * desk.control[0].accounts + row]


@inlined
def cash_needed(rules, price, qty):
    """Cash in fen that a BUY of `qty` at no more than `price` can cost, commission included."""
    notional = price * qty * np.int64(rules.multiplier)
    return notional + share(notional, rules.commission_ppm)


@inlined
def move_sellable(desk, account, position, symbol, change, option):
    """Change what may be sold; of an option, freeze or release the margin of what is then written."""
    before = np.int64(position.sellable)
    after = before + change
    position.sellable = after
    if option:
        terms = desk.terms[symbol]
        written = min(before, 0) - min(after, 0)
        margin = written * terms.unit_margin
        terms.lent += written
        account.cash -= margin
        account.frozen += margin


@inlined
def hold(desk, row, symbol, side, price, qty):
    """An order of `qty` comes to rest: it keeps cash (BUY) or quantity (SELL) from its owner."""
    account, rules = desk.accounts[row], desk.symbols[symbol]
    position = position_of(desk, row, symbol)
    if side == BUY:
        needed = cash_needed(rules, price, qty)
        account.cash -= needed
        account.frozen += needed
        position.buying += qty
    else:
        position.held += qty
        move_sellable(desk, account, position, symbol, -qty, rules.flags & OPTION)


@inlined
def release(desk, row, symbol, side, price, qty):
    """A resting order leaves the book: the opposite of `hold`."""
    account, rules = desk.accounts[row], desk.symbols[symbol]
    position = position_of(desk, row, symbol)
    if side == BUY:
        needed = cash_needed(rules, price, qty)
        account.cash += needed
        account.frozen -= needed
        position.buying -= qty
    else:
        position.held -= qty
        move_sellable(desk, account, position, symbol, qty, rules.flags & OPTION)


@inlined
def bought(desk, account, position, symbol, rules, qty):
    """Quantity comes in: sellable now or after settlement."""
    if rules.flags & SAME_DAY:
        move_sellable(desk, account, position, symbol, qty, rules.flags & OPTION)
    else:
        position.today += qty


@inlined
def fill_resting_buy(desk, account, position, symbol, rules, limit, qty_open, qty, notional, fee):
    """A resting BUY with limit price `limit` and `qty_open` trades `qty`: its freeze shrinks, it pays notional and fee."""
    multiplier = np.int64(rules.multiplier)
    held = limit * qty_open * multiplier
    left = limit * (qty_open - qty) * multiplier
    freed = held - left + share(held, rules.commission_ppm) - share(left, rules.commission_ppm)
    account.frozen -= freed
    account.cash += freed - notional - fee
    position.buying -= qty
    bought(desk, account, position, symbol, rules, qty)


@inlined
def fill_resting_sell(account, position, qty, notional, fee):
    """A resting SELL trades `qty`: it is paid notional less fee. A written option stays margined: it is still owed."""
    position.held -= qty
    account.cash += notional - fee
