"""Order entry: every client order id is executed at most once and every event is reported exactly once, whatever dies in between."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.trading_sim.gateway.local_gateway import LocalGateway, LocalShard, new, reports_of
from trading_sim.gateway import mending, reports
from trading_sim.gateway.limits import Limits
from trading_sim.gateway.order_entry import Rights
from trading_sim.gateway.orders import Ask, Kind
from trading_sim.gateway.reasons import EXPIRED, GatewayReason

ONE, TWO = Rights("BIN-1", (1,)), Rights("BIN-2", (2,))


@pytest.fixture
def shard() -> LocalShard:
    return LocalShard()


@pytest.fixture
def gateway(tmp_path: Path, shard: LocalShard) -> LocalGateway:
    return LocalGateway(tmp_path, shard)


def told(gateway: LocalGateway, session: str = "BIN-1") -> list[tuple[str, str, str, int, int]]:
    return [(r.client_id, r.exec_type or r.kind, r.status, r.cum, r.leaves) for _, r in reports_of(gateway, session)]


def test_an_order_lives_through_fill_change_and_cancel(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a", qty=300))
    gateway.settle()
    shard.order(8, 2, 1000, 100)
    gateway.entry.take(ONE, Ask(Kind.REPLACE, "b", "a", price=999, qty=250))
    gateway.settle()
    gateway.entry.take(ONE, Ask(Kind.CANCEL, "c", "b"))
    gateway.settle()
    # The fill was not known when the change went out: its open quantity is 250, and the report tells the true total.
    assert told(gateway) == [
        ("a", "0", "0", 0, 300), ("a", "F", "1", 100, 200), ("b", "5", "1", 100, 250), ("c", "4", "4", 100, 0),
    ]  # fmt: skip
    assert shard.state.machine.query_account(1)["open_orders"] == []


def test_a_change_takes_off_what_was_executed(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a", qty=300))
    gateway.settle()
    shard.order(8, 2, 1000, 100)
    gateway.settle()
    gateway.entry.take(ONE, Ask(Kind.REPLACE, "b", "a", price=999, qty=250))
    gateway.entry.take(ONE, Ask(Kind.REPLACE, "c", "b", price=999, qty=100))
    gateway.settle()
    assert told(gateway)[2:] == [("c", "C", "1", 100, 200), ("b", "5", "1", 100, 150)]
    assert reports_of(gateway, "BIN-1")[2][1].reason == GatewayReason.NOTHING_LEFT


def test_an_order_and_its_cancel_may_be_sent_in_one_breath(gateway: LocalGateway) -> None:
    gateway.entry.take(ONE, new("a"))
    gateway.entry.take(ONE, Ask(Kind.CANCEL, "b", "a"))
    gateway.settle()
    assert told(gateway) == [("a", "0", "0", 0, 100), ("b", "4", "4", 0, 0)]


def test_a_repeated_id_is_answered_and_another_order_under_it_refused(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a"))
    gateway.entry.take(ONE, new("a"))
    gateway.settle()
    gateway.entry.take(ONE, new("a"))
    gateway.entry.take(ONE, new("a", price=999))
    gateway.settle()
    assert shard.state.machine.query_account(1)["orders_total"] == 1
    assert [row[1] for row in told(gateway)] == ["I", "0", "I", reports.REFUSED]
    assert reports_of(gateway, "BIN-1")[-1][1].reason == GatewayReason.DUPLICATE_CLIENT_ID


def test_what_may_not_be_sent_is_refused_with_its_reason(tmp_path: Path, shard: LocalShard) -> None:
    gateway = LocalGateway(tmp_path, shard, Limits(open_orders=3, in_flight=2, instructions_per_day=4))
    entry = gateway.entry
    entry.take(ONE, new("account", account=2))
    entry.take(ONE, Ask(Kind.CANCEL, "nothing", "no-such-order"))
    entry.take(ONE, Ask(Kind.NEW, "instrument", "", 1, -1, -1, 1, 1, 1, 1000, 100))
    entry.take(ONE, new("rate"), allowed=False)
    for name in ("1", "2", "flight"):
        entry.take(ONE, new(name))
    gateway.settle()
    entry.take(ONE, new("3"))
    entry.take(ONE, new("open"))
    gateway.settle()
    entry.take(ONE, Ask(Kind.CANCEL, "4", "1"))
    gateway.settle()
    entry.take(ONE, new("today"))
    gateway.settle()
    refused = {r.client_id: r.reason for _, r in reports_of(gateway, "BIN-1") if r.reason >= 200}
    assert refused == {
        "account": GatewayReason.NOT_YOUR_ACCOUNT, "nothing": GatewayReason.UNKNOWN_ORDER,
        "instrument": GatewayReason.UNKNOWN_INSTRUMENT, "rate": GatewayReason.MESSAGE_RATE,
        "flight": GatewayReason.TOO_MANY_IN_FLIGHT, "open": GatewayReason.TOO_MANY_OPEN_ORDERS,
        "today": GatewayReason.TOO_MANY_TODAY,
    }  # fmt: skip


def test_refusals_of_the_shard_come_with_their_reasons(gateway: LocalGateway) -> None:
    gateway.entry.take(ONE, new("lot", qty=150))
    gateway.entry.take(ONE, new("cash", price=1100, qty=2**31))
    gateway.settle()
    assert [(r.client_id, r.status, r.text) for _, r in reports_of(gateway, "BIN-1")] == [
        ("lot", "8", "bad lot"), ("cash", "8", "order quantity"),
    ]  # fmt: skip


def test_an_unanswered_instruction_is_pending_and_then_resolved(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a"))
    batch = gateway.batch()
    gateway.entry.in_doubt(batch)
    gateway.entry.in_doubt(batch)
    assert [row[1] for row in told(gateway)] == ["A"]
    shard.submit(gateway.entry.client_id, batch.request, batch.commands)  # executed, and the answer is lost again
    gateway.settle()
    assert [row[1] for row in told(gateway)] == ["A", "0"]
    assert shard.state.machine.query_account(1)["orders_total"] == 1


def test_a_new_day_expires_orders_and_frees_client_ids(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a"))
    gateway.settle()
    shard.operate(4)
    shard.operate(5)
    gateway.settle()
    assert told(gateway)[-1] == ("a", "C", "C", 0, 0)
    assert reports_of(gateway, "BIN-1")[-1][1].reason == EXPIRED
    assert gateway.entry.places[0].day == 1
    shard.operate(3)
    gateway.entry.take(ONE, new("a"))
    gateway.settle()
    assert told(gateway)[-1] == ("a", "0", "0", 0, 100)


def test_the_store_is_bounded_per_session(tmp_path: Path, shard: LocalShard) -> None:
    gateway = LocalGateway(tmp_path, shard, Limits(kept_messages=100))
    for number in range(400):
        gateway.entry.take(ONE, new(f"bad-{number}", qty=1))
        gateway.settle()
    kept = reports_of(gateway, "BIN-1")
    assert len(kept) <= 164 and kept[-1][0] == 400
    assert gateway.sessions.numbers("BIN-1").oldest == kept[0][0]


def mended(gateway: LocalGateway, shard: LocalShard) -> None:
    """The feed is lost from where the gateway is; it works out what happened by questions."""
    entry = gateway.entry
    for batch in mending.open_requests(entry, 0):
        mending.resolve(entry, batch, shard.submit(entry.client_id, batch.request, batch.commands))
        entry.sent[0] = None
    told = {
        account: {"index": shard.state.index, **shard.state.machine.query_account(account)}
        for account in mending.accounts_to_ask(entry, 0)
    }
    mending.mend(entry, 0, told)
    if entry.places[0].index < 0:
        entry.places[0].index = shard.state.index


def test_a_lost_feed_is_mended_by_questions(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("part", qty=300))
    gateway.entry.take(ONE, new("full", price=1001, qty=100))
    gateway.entry.take(ONE, new("rests", price=995, qty=100))
    gateway.settle()
    gateway.entry.take(ONE, new("answer-lost", price=994, qty=100))
    batch = gateway.batch()
    shard.submit(gateway.entry.client_id, batch.request, batch.commands)
    gateway.entry.take(ONE, new("never-sent", price=993, qty=100))
    shard.order(8, 2, 1000, 200)
    mended(gateway, shard)
    gateway.settle()
    assert sorted(told(gateway)[3:]) == [
        ("answer-lost", "0", "0", 0, 100), ("full", "F", "2", 100, 0), ("never-sent", "0", "0", 0, 100),
        ("part", "F", "1", 100, 200),
    ]  # fmt: skip
    shard.order(8, 2, 1000, 200)
    gateway.settle()
    assert told(gateway)[-1] == ("part", "F", "2", 300, 0)


def test_a_request_that_never_arrived_is_refused_after_a_lost_feed(gateway: LocalGateway, shard: LocalShard) -> None:
    gateway.entry.take(ONE, new("a"))
    gateway.batch()
    mended(gateway, shard)
    assert told(gateway) == [("a", "8", "8", 0, 0)]
    assert shard.state.machine.query_account(1)["orders_total"] == 0


def test_an_order_of_a_day_that_is_over_ends_and_says_what_is_not_known(
    gateway: LocalGateway, shard: LocalShard
) -> None:
    gateway.entry.take(ONE, new("a"))
    gateway.settle()
    shard.operate(4)
    shard.operate(5)
    mended(gateway, shard)
    assert told(gateway)[-1] == ("a", "C", "C", 0, 0)
    assert reports_of(gateway, "BIN-1")[-1][1].reason == GatewayReason.FILLS_NOT_KNOWN
    assert gateway.entry.places[0].day == 1


class Customer:
    """A session's client that survives everything: sends again what was not taken, files what it was told by number."""

    def __init__(self, rights: Rights, side: int, rng: random.Random) -> None:
        self.rights, self.side, self.rng = rights, side, rng
        self.sent: list[Ask] = []
        self.heard: dict[int, reports.Report] = {}

    def act(self, gateway: LocalGateway) -> None:
        """One instruction more."""
        open_ids = [ask.client_id for ask in self.sent if ask.kind != Kind.CANCEL]
        name = f"{self.rights.session}-{len(self.sent)}"
        choice = self.rng.random()
        if choice < 0.6 or not open_ids:
            tif = self.rng.choice((1, 1, 1, 2, 3))
            ask = new(
                name,
                self.side,
                self.rng.randrange(998, 1003),
                100 * self.rng.randrange(1, 5),
                self.rights.accounts[0],
                tif,
            )
        elif choice < 0.8:
            ask = Ask(Kind.CANCEL, name, self.rng.choice(open_ids[-6:]))
        else:
            ask = Ask(Kind.REPLACE, name, self.rng.choice(open_ids[-6:]), price=self.rng.randrange(998, 1003),
                      qty=100 * self.rng.randrange(1, 6))  # fmt: skip
        self.sent.append(ask)
        self.send(gateway, len(self.sent))

    def send(self, gateway: LocalGateway, number: int) -> None:
        """Instruction `number`, as a session takes it: the next expected number only."""
        numbers = gateway.sessions.numbers(self.rights.session)
        if number == numbers.next_in:
            numbers.next_in += 1
            ask = self.sent[number - 1]
            gateway.entry.take(self.rights, Ask(**{name: getattr(ask, name) for name in Ask.__slots__}))
            gateway.sessions.received(numbers)

    def resume(self, gateway: LocalGateway) -> None:
        """After a logon: send again what the gateway does not have; hear what was filed."""
        for number in range(gateway.sessions.numbers(self.rights.session).next_in, len(self.sent) + 1):
            self.send(gateway, number)

    def listen(self, gateway: LocalGateway) -> None:
        """Only what is on file was ever sent."""
        for seq, report in reports_of(gateway, self.rights.session):
            assert self.heard.setdefault(seq, report) == report, "a number was used for two reports"


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_or_done_twice_whatever_dies(tmp_path: Path, seed: int) -> None:
    check_life(tmp_path, seed)


@pytest.mark.soak
def test_nothing_is_lost_or_done_twice_in_three_hundred_lives(tmp_path: Path) -> None:
    for seed in range(1_000, 1_300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        check_life(folder, seed)


def check_life(tmp_path: Path, seed: int) -> None:
    """A random course of instructions, answers, lost answers, deaths and new lives, and what must hold at its end."""
    rng = random.Random(seed)
    shard = LocalShard()
    gateway = LocalGateway(tmp_path, shard)
    customers = [Customer(ONE, 1, rng), Customer(TWO, 2, rng)]
    for _ in range(250):
        step = rng.random()
        if step < 0.45:
            rng.choice(customers).act(gateway)
        elif step < 0.6:
            batch = gateway.batch()
            if batch is not None and rng.random() < 0.5:  # executed, but the answer is lost
                shard.submit(gateway.entry.client_id, batch.request, batch.commands)
            elif batch is not None:
                gateway.entry.in_doubt(batch)
        elif step < 0.75:
            gateway.submit()
        elif step < 0.9:
            gateway.hear(rng.randrange(1, 4))
        elif step < 0.94:
            shard.order(8, rng.choice((1, 2)), rng.randrange(998, 1003), 100)
        else:
            gateway.die()
            gateway = LocalGateway(tmp_path, shard)
            for customer in customers:
                customer.resume(gateway)
        if rng.random() < 0.7:
            gateway.store.commit()
            for customer in customers:
                customer.listen(gateway)
    gateway.settle()
    for customer in customers:
        customer.listen(gateway)
        check(customer, shard, f"seed {seed}")
    assert not gateway.entry.pending and gateway.entry.in_flight.total() == 0


def check(customer: Customer, shard: LocalShard, name: str) -> None:
    """What a customer was told is what the shard did."""
    heard = [customer.heard[seq] for seq in sorted(customer.heard)]
    assert sorted(customer.heard) == list(range(1, len(heard) + 1)), name
    events = [r for r in heard if r.exec_type in ("0", "F", "4", "5", "8", "C") or r.kind == reports.CANCEL_REJECT]
    ids = [r.exec_id for r in events]
    twice = [one for one in ids if ids.count(one) > 1]
    assert not twice, f"{name}: an event was reported twice"
    decided = [r.client_id for r in events if r.exec_type in ("0", "8", "5") or r.kind == reports.CANCEL_REJECT
               or (r.exec_type == "4" and r.original_id)]  # fmt: skip
    assert sorted(decided) == sorted(ask.client_id for ask in customer.sent), f"{name}: not exactly one fate each"
    account = customer.rights.accounts[0]
    state = shard.state.machine.query_account(account)
    taken = [r for r in heard if r.exec_type in ("0", "8") and not r.exec_id.startswith("g-")]
    assert state["orders_total"] == len(taken), f"{name}: executed another number of times than told"
    newest: dict[int, reports.Report] = {}
    for report in heard:
        if report.order_id and report.exec_type not in ("I", "A", "6", "E"):
            newest[report.order_id] = report
    open_orders = {order: r.leaves for order, r in newest.items() if r.leaves}
    assert open_orders == {row["order_id"]: row["leaves"] for row in state["open_orders"]}, name
    fills = [r for r in heard if r.exec_type == "F"]
    assert sum(r.last_qty for r in fills) == sum(row["quantity"] for row in state["fills"]) or state["fills_cut"], name
