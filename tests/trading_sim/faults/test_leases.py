import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.faults.catalogue import KINDS, FaultError, checked_params
from trading_sim.faults.leases import LeaseTable


class Time:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def table(tmp_path, time):
    return LeaseTable(tmp_path / "faults.json", time)


def test_a_lease_ends_at_its_time_and_not_before(table, time):
    fault = table.add("delay", {"ms": 5}, 10, "test", ["a", "b"])
    time.now += 9.9
    assert table.expire() == []
    time.now += 0.2
    assert table.expire() == [fault]
    assert table.faults == {} and table.of_node("a") == []


def test_leases_survive_in_their_file_with_what_is_left_of_them(table, time, tmp_path):
    fault = table.add("centre-drop", {}, 10, "test", [])
    again = LeaseTable(tmp_path / "faults.json", time)
    again.load()
    assert again.faults == {fault.lease: fault} and again.of_centre() == {"centre-drop": fault}
    time.now += 11
    assert [ended.lease for ended in again.expire()] == [fault.lease]
    table.load()
    assert table.faults == {}


def test_the_same_key_gives_the_same_lease_while_it_lives(table, time):
    first = table.add("kill", {}, 10, "test", ["a"], key="k")
    assert table.add("kill", {}, 10, "test", ["a"], key="k") is first
    time.now += 11
    table.expire()
    assert table.add("kill", {}, 10, "test", ["a"], key="k") is not first


def test_a_restart_takes_one_node_out_of_a_fault_and_leaves_the_others(table):
    fault = table.add("kill", {}, 10, "test", ["a", "b"])
    table.add("delay", {}, 10, "test", ["a"])
    table.release_node("a", {"kill"})
    assert fault.nodes == ["b"] and [f.kind for f in table.of_node("a")] == ["delay"]
    table.release_node("b", {"kill"})
    assert [f.kind for f in table.faults.values()] == ["delay"]


def test_a_damaged_file_is_refused_with_its_name(table):
    table.path.write_text("{", encoding="utf-8")
    with pytest.raises(FaultError, match="faults.json is damaged"):
        table.load()


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_has_bounds_that_hold_and_a_default_inside(kind):
    defaults = checked_params(kind, {})
    for spec in KINDS[kind].params:
        assert spec.low <= spec.default <= spec.high and defaults[spec.name] == spec.default
        for value in (spec.low - 0.01, spec.high * 1.01 + 1, "1", True, None, float("nan")):
            with pytest.raises(FaultError, match=spec.name):
                checked_params(kind, {spec.name: value})
    with pytest.raises(FaultError, match="has no parameters"):
        checked_params(kind, {"surprise": 1})


@given(st.text(), st.one_of(st.none(), st.floats(), st.text(), st.lists(st.integers())))
def test_nonsense_is_refused(kind, params):
    with pytest.raises(FaultError):
        checked_params(f"no-{kind}", params)


def test_the_catalogue_covers_many_families():
    assert len({kind.family for kind in KINDS.values()}) >= 7
    assert {kind.scope for kind in KINDS.values()} == {"node", "centre"}
