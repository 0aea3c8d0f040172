"""The compiled desk against its plain-Python specification, on random days with everything in them."""

from collections import Counter

import pytest

from tests.trading_sim.shard_machine.desk_world import RandomDay, rich_config
from trading_sim.matching.records import EventKind
from trading_sim.risk.desk import parts
from trading_sim.risk.reasons import RiskReason
from trading_sim.shard.machine import ShardMachine


def assert_same(twin: ShardMachine, compiled: ShardMachine) -> None:
    for name, array in parts(twin.desk).items():
        other = getattr(compiled.desk, name)
        for field in array.dtype.names:
            assert array[field].tolist() == other[field].tolist(), (name, field)
    assert twin.state_hash() == compiled.state_hash()


@pytest.mark.parametrize("seed", range(6))
def test_events_parties_refusals_and_balances_are_equal(seed):
    twin, compiled = ShardMachine(rich_config(engine="twin")), ShardMachine(rich_config())
    day = RandomDay(seed)
    seen, refused = Counter(), Counter()
    for now in range(25):
        batch = day.batch(40)
        expected, found = (machine.apply(batch, now * 300_000_000) for machine in (twin, compiled))
        assert found.events.tobytes() == expected.events.tobytes()
        assert found.parties.tobytes() == expected.parties.tobytes()
        assert found.rejects.tobytes() == expected.rejects.tobytes()
        assert_same(twin, compiled)
        assert compiled.conservation().problems() == []
        seen.update(found.events["kind"].tolist())
        refused.update(found.rejects["reason"].tolist())
    assert seen[EventKind.TRADE] > 30
    assert {EventKind.ACCEPTED, EventKind.CANCELLED, EventKind.REPLACED, 7, 8, 9} <= set(seen), f"seed {seed}"


def test_the_random_days_meet_every_kind_of_refusal():
    refused = Counter()
    for seed in range(100, 112):
        machine, day = ShardMachine(rich_config()), RandomDay(seed)
        for now in range(30):
            refused.update(machine.apply(day.batch(60), now * 200_000_000).rejects["reason"].tolist())
    missing = set(RiskReason) - set(refused) - {RiskReason.NONE, RiskReason.CAPACITY, RiskReason.ORDER_ID}
    assert {RiskReason(reason).name for reason in missing} <= {"NO_UPPER_BOUND", "UNKNOWN_ACCOUNT"}


@pytest.mark.parametrize("size", [1, 7, 600])
def test_batches_of_any_size_give_the_same_bytes(size):
    whole, cut = ShardMachine(rich_config()), ShardMachine(rich_config())
    batch = RandomDay(77).batch(600)
    expected = whole.apply(batch, 5)
    events = [cut.apply(batch[at : at + size], 5).events.tobytes() for at in range(0, len(batch), size)]
    assert b"".join(events) == expected.events.tobytes()
    assert cut.state_hash() == whole.state_hash()


def test_a_snapshot_at_any_place_and_the_rest_give_the_same_machine():
    for seed in range(4):
        day, machine = RandomDay(seed), ShardMachine(rich_config())
        for now in range(12):
            machine.apply(day.batch(50), now * 10**8)
            copy = ShardMachine.restore(machine.config, machine.snapshot())
            assert copy.state_hash() == machine.state_hash()
            tail = RandomDay(seed * 100 + now)
            tail.sequencer, tail.owners = day.sequencer, day.owners
            batch = tail.batch(30)
            one, other = machine.apply(batch, now * 10**8), copy.apply(batch, now * 10**8)
            assert one.events.tobytes() == other.events.tobytes()
            assert copy.query_account(1) == machine.query_account(1)
            assert copy.state_hash() == machine.state_hash()
