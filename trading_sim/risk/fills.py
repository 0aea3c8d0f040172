"""What the desk does when orders trade, rest, are cancelled: balances and the counters that surveillance reads. Compiled into the loop.

The maker's side is posted trade by trade; the taker's is summed up over a command and posted once. All changes are additions,
so accounts that trade with themselves come out right.
"""

import numpy as np

from trading_sim.jit import inlined
from trading_sim.ledger.postings import (
    BUY,
    SELL,
    bought,
    fill_resting_buy,
    fill_resting_sell,
    hold,
    move_sellable,
    position_of,
    release,
    share,
)
from trading_sim.ledger.records import OPTION


@inlined
def count_trade(account, position, notional, own):
    """The counters of one side of one trade."""
    account.trades += 1
    account.turnover += notional
    position.trades += 1
    if own:
        account.own += 1
        position.own += 1


@inlined
def same_owner(desk, row, account, other):
    """Whether a trade between the account of row `row` and that of row `other` is one with oneself or one's own group."""
    return row == other or (account.group != 0 and account.group == desk.accounts[other].group)


@inlined
def fill_resting(desk, row, other, symbol, side, limit, qty_open, qty, price):
    """A resting order trades `qty` of `qty_open` at `price` with an order of row `other`.

    Returns notional, commission and stamp duty of one side, and whether the trade was one within a group.
    """
    account, rules = desk.accounts[row], desk.symbols[symbol]
    position = position_of(desk, row, symbol)
    notional = price * qty * np.int64(rules.multiplier)
    commission, stamp = share(notional, rules.commission_ppm), share(notional, rules.stamp_ppm)
    if side == BUY:
        fill_resting_buy(desk, account, position, symbol, rules, limit, qty_open, qty, notional, commission)
    else:
        fill_resting_sell(account, position, qty, notional, commission + stamp)
    own = same_owner(desk, row, account, other)
    count_trade(account, position, notional, own)
    return notional, commission, stamp, own


@inlined
def fill_incoming(desk, row, symbol, side, qty, cost, fee, trades, own):
    """All trades of an incoming order at once: `cost` is their notional, `fee` what the account pays on them."""
    account, rules = desk.accounts[row], desk.symbols[symbol]
    position = position_of(desk, row, symbol)
    if side == BUY:
        account.cash -= cost + fee
        bought(desk, account, position, symbol, rules, qty)
    else:
        account.cash += cost - fee
        move_sellable(desk, account, position, symbol, -qty, rules.flags & OPTION)
    account.trades += trades
    account.turnover += cost
    account.own += own
    position.trades += trades
    position.own += own


@inlined
def note_market(desk, symbol, price, qty, cost, fees, trades):
    """What the market did: last price, quantity, notional and number of trades, and the fees of both sides."""
    rules = desk.symbols[symbol]
    rules.last = price
    rules.volume += qty
    rules.turnover += cost
    rules.trades += trades
    desk.control[0].fees += fees


@inlined
def rested(desk, row, symbol, side, price, qty):
    """What is left of an order rests in the book."""
    hold(desk, row, symbol, side, price, qty)


@inlined
def taken_back(desk, row, symbol, side, price, qty):
    """An order, or a part of it, leaves the book by a REPLACE."""
    release(desk, row, symbol, side, price, qty)


@inlined
def cancelled(desk, row, symbol, side, price, qty):
    """The owner cancelled an order."""
    release(desk, row, symbol, side, price, qty)
    desk.accounts[row].cancels += 1
    position_of(desk, row, symbol).cancels += 1


@inlined
def fill_auction(desk, symbol, buy, buy_limit, sell, sell_limit, qty, price):
    """Two resting orders trade with one another in the call auction; `buy` and `sell` as they stood before."""
    row, other = np.int64(buy.row), np.int64(sell.row)
    qty_open, other_open = np.int64(buy.qty), np.int64(sell.qty)
    notional, commission, stamp, _ = fill_resting(desk, row, other, symbol, BUY, buy_limit, qty_open, qty, price)
    fill_resting(desk, other, row, symbol, SELL, sell_limit, other_open, qty, price)
    note_market(desk, symbol, price, qty, notional, 2 * commission + stamp, 1)
