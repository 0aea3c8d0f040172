"""The double-entry view of what happened: every trade and every charge as legs that sum to zero.

A leg moves an amount of one asset (cash in fen, or a symbol's quantity) into an account, negative out of it. The broker's fees and
interest are accounts like those of customers.
"""

from __future__ import annotations

import numpy as np

from trading_sim.matching.records import EventKind, Side

CASH = -1
FEES, INTEREST = -1, -2
LEG = np.dtype([("seq", "<u8"), ("account", "<i8"), ("asset", "<i8"), ("amount", "<i8")])
"""`account`: a customer's id, FEES or INTEREST; `asset`: CASH or a symbol."""

MILLION = 1_000_000
LEGS_OF_A_TRADE = 5


def buyers_and_sellers(events: np.ndarray, parties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Account ids of both sides of TRADE events; in an auction order_id is the buyer's."""
    buys = events["side"] == Side.BUY
    account, other = parties["account"].astype(np.int64), parties["other"].astype(np.int64)
    return np.where(buys, account, other), np.where(buys, other, account)


def trade_legs(events: np.ndarray, parties: np.ndarray, fees: np.ndarray) -> np.ndarray:
    """LEG records of the TRADEs among EVENT records, five a trade, in their order.

    `fees`: i8[S, 3], commission and stamp duty in millionths and shares a contract. Commission is floor(notional * ppm / 1,000,000) for either side,
    the stamp duty likewise for the seller.
    """
    trades = events["kind"] == EventKind.TRADE
    events, parties = events[trades], parties[trades]
    buyer, seller = buyers_and_sellers(events, parties)
    symbol, qty = events["symbol"].astype(np.int64), events["qty"].astype(np.int64)
    commission_ppm, stamp_ppm, multiplier = fees[symbol].T
    notional = events["price"] * qty * multiplier
    commission, stamp = notional * commission_ppm // MILLION, notional * stamp_ppm // MILLION
    legs = np.zeros((len(events), LEGS_OF_A_TRADE), LEG)
    legs["seq"] = events["seq"][:, None]
    columns = (
        (buyer, CASH, -notional - commission),
        (seller, CASH, notional - commission - stamp),
        (FEES, CASH, 2 * commission + stamp),
        (buyer, symbol, qty),
        (seller, symbol, -qty),
    )
    for at, (account, asset, amount) in enumerate(columns):
        legs["account"][:, at], legs["asset"][:, at], legs["amount"][:, at] = account, asset, amount
    return legs.reshape(-1)


def interest_legs(seq: int, accounts: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """LEG records of a day's interest, two an account."""
    legs = np.zeros((len(accounts), 2), LEG)
    legs["seq"], legs["asset"] = seq, CASH
    legs["account"][:, 0], legs["amount"][:, 0] = accounts, -amounts
    legs["account"][:, 1], legs["amount"][:, 1] = INTEREST, amounts
    return legs.reshape(-1)


def unbalanced(legs: np.ndarray) -> list[int]:
    """Assets whose legs do not sum to zero: none, unless a leg is missing or wrong."""
    assets, at = np.unique(legs["asset"], return_inverse=True)
    totals = np.zeros(len(assets), np.int64)
    np.add.at(totals, at, legs["amount"])
    return assets[totals != 0].tolist()
