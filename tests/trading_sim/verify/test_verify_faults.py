"""Runs of a shard with a fault in its own code: replicas, journals and replay agree with one another, and `verify` still rejects them.

Each run is a real one; one named fault is put into what the machine makes of a single entry.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.trading_sim.verify.run_world import CLIENT, CONFIG, RecordedShard, Run
from tests.trading_sim.verify.test_verify import a_trading_entry, changed, failed, judged
from trading_sim.cluster.verification import replayed
from trading_sim.cluster.verification.findings import Findings
from trading_sim.cluster.verification.market import MarketAudit
from trading_sim.load import lane as lane_module
from trading_sim.load.client_book import ClientBook
from trading_sim.load.history import segment_paths
from trading_sim.market import ACCOUNTS
from trading_sim.matching.records import EventKind
from trading_sim.protocol.flow import Outcome
from trading_sim.protocol.records import COMMAND, EVENT
from trading_sim.risk.reasons import RISK_REJECT
from trading_sim.shard.machine_factory import ShardMachineFactory
from trading_sim.shard.state import ReplicatedState

NEW, CANCEL = 1, 2


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run on disk that these tests only read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane_module, "RETRY_FIRST_S", 0.0)
        made = Run(tmp_path_factory.mktemp("finished"))
        made.trade()
    made.write_all()
    return made


def faulty(monkeypatch, fault) -> None:
    """Let the replay's machine have a fault: `fault(state, events)` changes the events or the state once, and returns True when it has."""

    class Faulty(ReplicatedState):
        spent = False

        def apply(self, entry):
            applied = super().apply(entry)
            if applied.result is None or self.spent:
                return applied
            events = applied.result.events.copy()
            self.spent = bool(fault(self, events, np.frombuffer(entry.commands, COMMAND)))
            found = applied.result
            return replace(applied, result=SimpleNamespace(events=events, rejects=found.rejects, parties=found.parties))

    monkeypatch.setattr(replayed, "ReplicatedState", Faulty)


def first_trade(events, wanted=lambda trade: True) -> int | None:
    """Place of the first continuous trade that is `wanted`."""
    places = np.flatnonzero((events["kind"] == EventKind.TRADE) & (events["flags"] == 0))
    return next((int(place) for place in places if wanted(events[place])), None)


def outside_the_band(state, events, commands):
    place = first_trade(events)
    if place is not None:
        events["price"][place] = state.machine.rows[events["symbol"][place]]["high"] + 1
        return True
    return False


def worse_than_the_limit(state, events, commands):
    limits = {int(c["order_id"]): c for c in commands if c["kind"] == NEW and c["type"] == 1}
    place = first_trade(events, lambda trade: int(trade["order_id"]) in limits)
    if place is not None:
        taker = limits[int(events["order_id"][place])]
        events["price"][place] = int(taker["price"]) + (1 if taker["side"] == 1 else -1)
        return True
    return False


def more_than_was_ordered(state, events, commands):
    place = first_trade(events)
    if place is not None:
        events["qty"][place] += 1_000_000
        return True
    return False


def executed_though_refused(state, events, commands):
    place, refused = first_trade(events), np.flatnonzero(events["kind"] == EventKind.REJECTED)
    refused = [n for n in refused if int(events["order_id"][n]) in commands["order_id"][commands["kind"] == NEW]]
    if place is not None and refused:
        events["order_id"][place] = events["order_id"][refused[0]]
        return True
    return False


def cash_from_nowhere(state, events, commands):
    state.machine.desk.accounts["cash"][3] += 1
    return True


def shares_from_nowhere(state, events, commands):
    state.machine.desk.positions["sellable"][5] += 100
    return True


@pytest.mark.parametrize(
    ("fault", "check", "words"),
    [
        (outside_the_band, "market-rules", "is outside the day's band"),
        (worse_than_the_limit, "market-rules", "has the limit"),
        (more_than_was_ordered, "market-rules", "open"),
        (executed_though_refused, "refusals", "it was never accepted"),
        (cash_from_nowhere, "balances", "cash of account"),
        (shares_from_nowhere, "balances", "sellable of account"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_of_the_shard_itself_is_found(finished, monkeypatch, fault, check, words):
    faulty(monkeypatch, fault)
    problems = failed(judged(finished.folder))
    assert words in problems[check][0], problems


def test_an_order_that_was_answered_otherwise_is_found(finished, tmp_path):
    """The customers' history says accepted where the shard refused, or the other way round."""
    folder = copied(finished, tmp_path)
    path = segment_paths(folder / "load" / "history")[-1]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    told = next(line for line in lines if line["type"] == "ok" and any(map(len, line["value"]["outcomes"].values())))
    chain = next(name for name, outcomes in told["value"]["outcomes"].items() if outcomes)
    outcome = told["value"]["outcomes"][chain][0]
    told["value"]["outcomes"][chain][0] = int(Outcome.REJECTED_RISK if outcome == Outcome.OK else Outcome.OK)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    problems = failed(judged(folder))
    assert set(problems) == {"answers"}
    assert "was answered as REJECTED_RISK, the shard's answer in entry" in problems["answers"][0]


def test_a_gap_in_the_sequence_numbers_is_found(finished, tmp_path):
    position = a_trading_entry(finished)
    entries = list(finished.shard.entries)
    for place in range(position, len(entries)):
        commands = np.frombuffer(entries[place].commands, COMMAND).copy()
        commands["seq"] += 1
        entries[place] = changed(entries[place], commands=commands.tobytes(), next_seq=entries[place].next_seq + 1)
    folder = copied(finished, tmp_path, entries)
    problems = failed(judged(folder))
    assert "leaves a gap: " in problems["unique-ids"][0]
    assert len(problems["unique-ids"]) == 1, "the numbers behind the gap follow one another again"


def test_shares_sold_on_the_day_they_were_bought_are_found(tmp_path, monkeypatch):
    """The machine forgets T+1: it runs with rules of its own, the configuration on disk says otherwise."""
    forgetful = replace(CONFIG, symbols=[{**row, "same_day": True} for row in CONFIG.symbols])
    made = object.__new__(Run)
    made.folder, made.shard = tmp_path, RecordedShard(forgetful)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "shard-0.json").write_text(CONFIG.to_json())
    symbol, lot = 0, CONFIG.symbols[0]["lot"]
    price = CONFIG.symbols[0]["reference"]
    holder = next(row["account"] for row in CONFIG.accounts if row["positions"].get(str(symbol), 0) >= lot)
    buyer = next(row["account"] for row in CONFIG.accounts if not row["positions"].get(str(symbol)))
    other = next(row["account"] for row in CONFIG.accounts if row["account"] not in (holder, buyer))
    orders = [(holder, 2), (buyer, 1), (buyer, 2), (other, 1)]  # account, side: the buyer sells again at once
    book = ClientBook(tmp_path / "load" / "history", 1, ACCOUNTS, lambda: 1.0, lambda: CLIENT)
    book.baseline[:] = 0
    book.checkpoint()
    commands = np.zeros(len(orders), COMMAND)
    for place, (account, side) in enumerate(orders):
        for name, value in (("kind", NEW), ("account", account), ("side", side), ("symbol", symbol), ("qty", lot)):
            commands[place][name] = value
        commands[place]["price"], commands[place]["type"], commands[place]["tif"] = price, 1, 1
    operation = book.invoke(CLIENT, 0, {"cash-order": commands})
    _, ids, _ = made.shard.submit(CLIENT, operation.request, commands)
    book.ok(operation, {"cash-order": ids}, {"cash-order": np.zeros(len(orders), "u1")})
    book.close()
    made.write_all()
    monkeypatch.setattr(replayed, "ShardMachineFactory", lambda config: ShardMachineFactory(forgetful))
    problems = failed(judged(tmp_path))
    assert f"of account {buyer} sells {lot} of symbol {symbol} more than" in problems["settlement"][0]


def copied(finished, folder, entries=None):
    """The run's folder again, with other entries in all journals when they are given."""
    shutil.copytree(finished.folder / "load", folder / "load")
    made = object.__new__(Run)
    made.folder, made.shard = folder, finished.shard
    (folder / "shards").mkdir()
    (folder / "shards" / "shard-0.json").write_text(CONFIG.to_json())
    made.write_all(entries)
    return folder


def resting_sells():
    """Orders 1 at 10 and 2 at 11 of account 7 rest; order 3 of account 8 buys at 12. Commands and acceptances of the three."""
    commands = np.zeros(3, COMMAND)
    for place, (number, price, account, side) in enumerate([(1, 10, 7, 2), (2, 11, 7, 2), (3, 12, 8, 1)]):
        for name, value in (
            ("seq", number), ("order_id", number), ("price", price), ("qty", 5), ("account", account), ("kind", NEW),
            ("side", side), ("type", 1), ("tif", 1),
        ):  # fmt: skip
            commands[place][name] = value
    accepted = np.zeros(3, EVENT)
    accepted["kind"], accepted["order_id"], accepted["seq"] = EventKind.ACCEPTED, [1, 2, 3], [1, 2, 3]
    return commands, accepted


def trade_of(taker, maker, price, quantity=5):
    event = np.zeros(1, EVENT)
    event["kind"], event["seq"], event["order_id"], event["maker_id"] = EventKind.TRADE, 3, taker, maker
    event["price"], event["qty"] = price, quantity
    return event


@pytest.mark.parametrize(
    ("maker", "price", "refused", "words"),
    [
        (1, 10, None, ""),
        (2, 11, None, "order 2 at 11 was executed before better ones at 10"),
        (1, 9, None, "order 1 of account 7 has the limit 10"),
        (1, 10, 1, "was refused and accepted"),
    ],
)
def test_the_rules_of_the_market_are_judged_from_orders_and_events_alone(maker, price, refused, words):
    findings = Findings(0)
    symbols = [{"reference": 10, "low": 1, "high": 20, "lot": 1}]
    audit = MarketAudit([{"account": 7, "positions": {"0": 10}}, {"account": 8}], symbols, findings, whole=True)
    commands, accepted = resting_sells()
    rejects = np.zeros(1 if refused else 0, RISK_REJECT)
    rejects["order_id"] = refused or 0
    audit.watch(1, commands, np.concatenate([accepted, trade_of(3, maker, price)]), rejects)
    problems = findings["market-rules"].problems + findings["refusals"].problems
    assert words in " ".join(problems) if words else not problems
