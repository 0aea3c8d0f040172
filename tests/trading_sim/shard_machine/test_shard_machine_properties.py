"""Whatever customers send and however it is batched: conservation, exact freezes, T+1, equal replicas."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading_sim.shard_machine.machine_world import ALL, CANCEL, NEW, PHASE, REPLACE, Sequencer, small_config
from trading_sim.ledger.conservation import by_symbol
from trading_sim.matching.records import EVENT, EventKind
from trading_sim.shard.machine import SETTLE, ShardMachine

ACCOUNTS = [1, 2, 7, 8, 9]
PRICES = {0: range(960, 1041, 10), 1: range(310, 360, 7), 2: range(4900, 5100, 20)}


@st.composite
def rows(draw):
    """Keyword rows of one command; targets are small numbers, resolved against the ids given so far."""
    kind = draw(st.sampled_from([NEW] * 8 + [CANCEL, CANCEL, REPLACE, REPLACE, PHASE, 0, 77]))
    symbol = draw(st.integers(0, 2))
    row = {
        "kind": kind,
        "symbol": symbol,
        "account": draw(st.sampled_from(ACCOUNTS)),
        "side": draw(st.integers(1, 2)),
        "type": draw(st.sampled_from([1, 1, 1, 2])),
        "tif": draw(st.sampled_from([1, 1, 1, 2, 3, 4])),
        "price": draw(st.sampled_from(PRICES[symbol])),
        "qty": draw(st.sampled_from([1, 7, 100, 100, 200, 300, 700])),
    }
    if kind in (CANCEL, REPLACE):
        row["order_id"] = draw(st.integers(1, 40))
    if kind == PHASE:
        row.update(account=0, symbol=ALL, price=draw(st.sampled_from([1, 2, 3, 3, 4, SETTLE])))
    return row


def own_target(row: dict, owners: dict[int, tuple[int, int]]) -> dict:
    """Most CANCEL and REPLACE shall hit: take account and symbol of the order they name."""
    owner = owners.get(row.get("order_id", 0))
    return {**row, "account": owner[0], "symbol": owner[1]} if owner and row["kind"] in (CANCEL, REPLACE) else row


def batches(flow):
    """COMMAND batches of a drawn flow [[row, …], …]."""
    sequencer, owners, made = Sequencer(), {}, []
    for part in flow:
        stamped = []
        for row in part:
            if row["kind"] == PHASE and row["price"] == SETTLE:  # the whole end of day, and the next opening
                stamped += [{**row, "price": 4}, row, {**row, "price": 3}]
                continue
            stamped.append(own_target(row, owners))
            if row["kind"] == NEW:
                owners[len(owners) + 1] = (row["account"], row["symbol"])
        made.append(sequencer.batch(*stamped))
    return made


def assert_exact_freezes(machine: ShardMachine) -> None:
    """Frozen cash and held positions are exactly what the open quantities of the core's book need."""
    cash, held = Counter(), Counter()
    for account in ACCOUNTS:
        for order in machine.query_account(account)["open_orders"]:
            symbol = order["symbol"]
            if order["side"] == "BUY":
                notional = order["price"] * order["leaves"]
                cash[account] += notional + notional * machine.config.symbols[symbol]["commission_ppm"] // 10**6
            else:
                held[account, symbol] += order["leaves"]
    for account in ACCOUNTS:
        state = machine.query_account(account)
        assert state["cash"]["frozen"] == cash[account]
        assert {p["symbol"]: p["held"] for p in state["positions"] if p["held"]} == {
            symbol: quantity for (owner, symbol), quantity in held.items() if owner == account
        }


def settled(machine: ShardMachine) -> np.ndarray:
    """Quantity per symbol and account that was not bought today."""
    positions = by_symbol(machine.desk)
    return positions["sellable"].astype("<i8") + positions["held"]


def assert_book_agrees(machine: ShardMachine) -> None:
    """The desk's open quantity per symbol and side is the core's."""
    for symbol in range(3):
        for side in (1, 2):
            depth = sum(level[1] for level in machine.core.depth(symbol, side, 10_000))
            name = "buying" if side == 1 else "held"
            assert depth == by_symbol(machine.desk)[name][symbol].sum()


@settings(max_examples=120, deadline=None)
@given(st.lists(st.lists(rows(), min_size=1, max_size=12), min_size=1, max_size=10))
def test_conservation_and_exact_freezes_after_every_batch(flow):
    machine = ShardMachine(small_config(engine="numba"))
    sellable = settled(machine)
    sold = np.zeros_like(sellable)
    for now, batch in enumerate(batches(flow)):
        before = machine.day
        result = machine.apply(batch, now)
        conservation = machine.conservation()
        assert conservation.problems() == []
        assert_exact_freezes(machine)
        assert_book_agrees(machine)
        if machine.day != before:  # a new day: what is there now may be sold
            sellable, sold = settled(machine), np.zeros_like(sellable)
            continue
        for event, party in zip(result.events, result.parties, strict=True):
            if event["kind"] == EventKind.TRADE:
                seller = party["account"] if event["side"] == 2 else party["other"]
                sold[event["symbol"], ACCOUNTS.index(seller)] += event["qty"]
        assert (sold[:2] <= sellable[:2]).all(), "a share bought today was sold today"


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(rows(), min_size=1, max_size=12), min_size=2, max_size=8), st.data())
def test_a_replica_from_a_snapshot_agrees_with_one_that_replayed_all(flow, data):
    made = batches(flow)
    cut = data.draw(st.integers(0, len(made)))
    first = ShardMachine(small_config(engine="numba"))
    for now, batch in enumerate(made[:cut]):
        first.apply(batch, now)
    second = ShardMachine.restore(first.config, first.snapshot())
    for now, batch in enumerate(made[cut:], cut):
        one, other = first.apply(batch, now), second.apply(batch, now)
        assert one.events.tobytes() == other.events.tobytes()
        assert one.rejects.tobytes() == other.rejects.tobytes()
    assert first.state_hash() == second.state_hash()


@settings(max_examples=60, deadline=None)
@given(st.lists(rows(), min_size=1, max_size=40))
def test_cash_moves_exactly_by_trades_and_their_fees(flow):
    """An independent account of every trade: what each customer paid and received, in plain Python."""
    flow = [row for row in flow if row["kind"] != PHASE]
    if not flow:
        return
    machine = ShardMachine(small_config(engine="numba"))
    paid = Counter()
    for batch in batches([[row] for row in flow]):
        result = machine.apply(batch, 1)
        for event, party in zip(result.events.tolist(), result.parties.tolist(), strict=True):
            event = dict(zip(EVENT.names, event, strict=True))
            if event["kind"] != EventKind.TRADE:
                continue
            rules = machine.config.symbols[event["symbol"]]
            notional = event["price"] * event["qty"]
            for account, side in zip(party, (event["side"], 3 - event["side"]), strict=True):
                commission = notional * rules["commission_ppm"] // 10**6
                if side == 1:
                    paid[account] += notional + commission
                else:
                    paid[account] -= notional - commission - notional * rules.get("stamp_ppm", 0) // 10**6
    for row in machine.config.accounts:
        cash = machine.query_account(row["account"])["cash"]
        assert cash["free"] + cash["frozen"] == row["cash"] - paid[row["account"]]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(rows(), min_size=1, max_size=12), min_size=1, max_size=8))
def test_both_engines_give_the_same_machine(flow):
    machines = [ShardMachine(small_config(engine=engine)) for engine in ("twin", "numba")]
    for now, batch in enumerate(batches(flow)):
        twin, compiled = (machine.apply(batch, now) for machine in machines)
        assert twin.events.tobytes() == compiled.events.tobytes()
        assert twin.rejects.tobytes() == compiled.rejects.tobytes()
        assert twin.parties.tobytes() == compiled.parties.tobytes()
    assert machines[0].core.state_hash() == machines[1].core.state_hash()
    assert machines[0].state_hash() == machines[1].state_hash()
