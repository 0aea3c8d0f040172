"""Compares what customers were told with what the shard executed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.cluster.verification.findings import Findings
from trading_sim.cluster.verification.replayed import Executed, Replay
from trading_sim.load.client_book import BookState, Operation
from trading_sim.load.customers_process import KEEPERS_AT
from trading_sim.load.history import read_records, rows_to_orders
from trading_sim.matching.records import Kind
from trading_sim.protocol.flow import VOID, Outcome

CONTENT = ["kind", "account", "symbol", "side", "type", "tif", "price", "qty"]


@dataclass
class Told:
    """One request of the history: its orders in the shard's order, and what the customer was told in the end, if anything."""

    operation: Operation
    kind: str = "invoke"
    ids: np.ndarray | None = None
    outcomes: np.ndarray | None = None

    @property
    def commands(self) -> np.ndarray:
        """COMMAND records as the centre hands them to the shard: chains by name, then position."""
        return np.concatenate([self.operation.orders[chain] for chain in sorted(self.operation.orders)])


def read_told(paths: list[Path]) -> tuple[dict[int, Told], dict[int, int]]:
    """(operations by number, first request number of every client that these files can know). Raises HistoryError."""
    told: dict[int, Told] = {}
    first: dict[int, int] | None = None
    for record in read_records(paths):
        kind = record["type"]
        if kind == "checkpoint":
            if first is None:
                first = dict(record["state"]["next_request"])
            for row in record["state"]["pending"]:
                told.setdefault(row["op"], Told(_operation(row)))
        elif kind == "invoke":
            told[record["op"]] = Told(_operation(record))
        elif kind in ("ok", "fail") and record["op"] in told:
            one = told[record["op"]]
            one.kind = kind
            if kind == "ok":
                one.ids, one.outcomes = (_joined(record["value"][name]) for name in ("ids", "outcomes"))
    return told, first or {}


def _operation(row: dict[str, Any]) -> Operation:
    client, request, shard = row["key"]
    return Operation(row["op"], client, request, shard, rows_to_orders(row["value"]))


def _joined(arrays: dict[str, list[int]]) -> np.ndarray:
    return np.array([value for chain in sorted(arrays) for value in arrays[chain]], dtype=np.uint64)


def account_for(
    told: Iterable[Told],
    sent: Iterable[Told],
    first: dict[int, int],
    base_client: int,
    replay: Replay,
    findings: Findings,
) -> None:
    """`told`: the history as it was before the journals were read; `sent`: as it was afterwards (the same for a finished run)."""
    executed = {(batch.client, batch.request): batch for batch in replay.executed}
    shard = findings.shard
    for one in told:
        if one.operation.shard == shard:
            _check_told(one, executed.get((one.operation.client, one.operation.request)), replay, findings)
    known = {(one.operation.client, one.operation.request): one for one in sent if one.operation.shard == shard}
    _check_sent(replay.executed, known, first, base_client, findings)


def _check_told(one: Told, batch: Executed | None, replay: Replay, findings: Findings) -> None:
    check, operation = findings["acknowledged"], one.operation
    name = f"request {operation.request} of client {operation.client:x} (operation {operation.op})"
    if one.kind == "fail" and batch is not None:
        findings["nothing-unsent"].problem(f"{name} was refused to the customer, but executed in entry {batch.index}")
    if one.kind != "ok":
        return
    answered = one.outcomes != Outcome.FAILED
    check.checked += int(answered.sum())
    if batch is None:
        sessions = replay.base.sessions
        covered = sessions.answer(operation.client, operation.request) is not None
        covered = covered or sessions.is_stale(operation.client, operation.request)
        if answered.any() and not covered:
            check.problem(f"lost: {name} with {int(answered.sum())} acknowledged orders is not in the journal")
        return
    wanted, found = one.commands, batch.commands
    if len(wanted) != len(found):
        check.problem(f"{name} has {len(wanted)} orders, the journal executed {len(found)} in entry {batch.index}")
        return
    voided = found["kind"] == VOID
    for position in np.flatnonzero(voided == answered)[:1]:
        word = "acknowledged, but never executed" if answered[position] else "told to have failed, but executed"
        check.problem(f"{name}: the order at place {position} was {word}")
    both = answered & ~voided
    targets = np.where(wanted["kind"] == Kind.NEW, one.ids, wanted["order_id"])
    wrong = both & ((wanted[CONTENT] != found[CONTENT]) | (targets != found["order_id"]))
    for position in np.flatnonzero(wrong)[:1]:
        check.problem(
            f"{name}: the order at place {position} was acknowledged as {int(targets[position])} "
            f"and is {int(found['order_id'][position])} with other content or id in entry {batch.index}"
        )
    findings["answers"].checked += int(both.sum())
    for position in np.flatnonzero(both & (one.outcomes != batch.outcomes))[:1]:
        told, done = (Outcome(int(values[position])).name for values in (one.outcomes, batch.outcomes))
        findings["answers"].problem(
            f"{name}: order {int(found['order_id'][position])} of account {int(found['account'][position])} "
            f"was answered as {told}, the shard's answer in entry {batch.index} is {done}"
        )


def _check_sent(
    executed: list[Executed],
    known: dict[tuple[int, int], Told],
    first: dict[int, int],
    base_client: int,
    findings: Findings,
) -> None:
    """Batches of customers must have been sent by them, and be executed in the order of sending, account by account."""
    last_of: dict[int, tuple[int, int]] = {}
    for batch in executed:
        if not base_client <= batch.client < base_client + KEEPERS_AT:
            continue
        one = known.get((batch.client, batch.request))
        if one is None:
            if batch.request >= first.get(batch.client, 1):
                findings["nothing-unsent"].problem(
                    f"entry {batch.index} executes request {batch.request} of client {batch.client:x}, which was never sent"
                )
            continue
        findings["nothing-unsent"].checked += len(batch.commands)
        for account in np.unique(batch.commands["account"]).tolist():
            findings["account-order"].checked += 1
            last, index = last_of.get(account, (0, 0))
            if one.operation.op < last:
                findings["account-order"].problem(
                    f"account {account}: operation {one.operation.op} was executed in entry {batch.index}, "
                    f"after the later operation {last} in entry {index}"
                )
            last_of[account] = (one.operation.op, batch.index)


def check_counts(before: BookState, after: BookState, replay: Replay, findings: Findings) -> None:
    """known (before the journals were read) <= orders the machine ever saw <= invoked (afterwards), per account."""
    check, shard = findings["account-counts"], findings.shard
    for account, baseline in enumerate(after.baseline[shard].tolist()):
        if account == 0 or baseline < 0:
            continue
        total = replay.state.machine.query_account(account)["orders_total"] - baseline
        known, invoked = int(before.known[shard, account]), int(after.invoked[shard, account])
        check.checked += 1
        if total < known:
            check.problem(
                f"account {account}: {known} orders were answered, the shard saw {total}: {known - total} lost"
            )
        if total > invoked:
            check.problem(
                f"account {account}: {invoked} orders were sent, the shard saw {total}: {total - invoked} twice"
            )
