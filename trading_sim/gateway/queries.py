"""Balances, positions, open orders and fills: asked of the shards, told as rows that every protocol can write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trading_sim.gateway.binary.wire import What
from trading_sim.gateway.instruments import Instruments
from trading_sim.matching.records import Side
from trading_sim.shard.async_client import AsyncShardClient
from trading_sim.shard.attempts import ShardError

_SIDES = {side.name: int(side) for side in Side}


class NotAnswered(Exception):
    """A shard does not answer now; the text says which. A part is never shown as the whole."""


async def ask_shards(clients: Mapping[int, AsyncShardClient], account: int) -> dict[int, dict[str, Any]]:
    """The account as every shard holds it. Raises NotAnswered."""
    found = {}
    for shard, client in clients.items():
        try:
            found[shard] = await client.query_account(account)
        except ShardError as error:
            raise NotAnswered(f"shard {shard}: {error}") from error
    return found


def rows_of(what: What, found: Mapping[int, dict[str, Any]], account: int, instruments: Instruments) -> list[tuple]:
    """The records of an ANSWER, see `binary.wire`."""
    rows: list[tuple] = []
    for shard, told in found.items():
        if what is What.BALANCES:
            rows.append((shard, account, told["cash"]["free"], told["cash"]["frozen"]))
        elif what is What.POSITIONS:
            rows += [
                (shard, account, _code(instruments, shard, row), row["sellable"], row["held"], row["today"])
                for row in told["positions"]
            ]
        elif what is What.OPEN_ORDERS:
            if told["open_orders_total"] > len(told["open_orders"]):
                raise NotAnswered(f"shard {shard} lists only {len(told['open_orders'])} of {told['open_orders_total']}")
            rows += [
                (
                    shard, account, _code(instruments, shard, row), row["order_id"], _SIDES[row["side"]], row["price"],
                    row["leaves"],
                )
                for row in told["open_orders"]
            ]  # fmt: skip
        elif what is What.FILLS:
            rows += [
                (
                    shard, account, _code(instruments, shard, row), row["order_id"], _SIDES[row["side"]], row["price"],
                    row["quantity"], row["seq"],
                )
                for row in told["fills"]
            ]  # fmt: skip
        elif what is What.LIMITS:
            limits = {"rules_version": told["rules_version"], **told["limits"]}
            rows += [(shard, account, name.encode()[:24], value) for name, value in limits.items()]
    return rows


def is_cut(what: What, found: Mapping[int, dict[str, Any]]) -> bool:
    """Are older rows missing, because a shard lists the newest only?"""
    return what is What.FILLS and any(told["fills_cut"] for told in found.values())


def instrument_rows(instruments: Instruments) -> list[tuple]:
    """What is traded."""
    return [(one.shard, one.code.encode(), one.board.encode(), one.lot, one.reference) for one in instruments]


def _code(instruments: Instruments, shard: int, row: Mapping[str, Any]) -> bytes:
    return instruments.code(shard, row["symbol"]).encode()
