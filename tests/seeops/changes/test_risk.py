"""Risk: every reason says its points, and nothing that is worse lowers them."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from seeops.changes import calendar, risk

PHASES = [name for _, name in calendar.PHASES]
INPUTS = st.builds(
    lambda lost, critical, spofs, unknown, nodes, more, phases, changes, share, reversibility, emergency: risk.Inputs(
        lost, critical, spofs, unknown, nodes, nodes + more, phases, changes, round(changes * share), reversibility, emergency
    ),
    st.floats(0, 1), st.integers(0, 20), st.integers(0, 20), st.integers(0, 50), st.integers(0, 500), st.integers(0, 500),
    st.none() | st.frozensets(st.sampled_from(PHASES), min_size=1), st.integers(0, 40), st.floats(0, 1),
    st.sampled_from(list(risk.REVERSIBILITY_POINTS)), st.booleans(),
)  # fmt: skip


@given(INPUTS)
def test_the_points_are_the_sum_of_the_reasons_and_every_reason_has_words(given_inputs):
    found = risk.assess(given_inputs)
    assert found.points == sum(reason.points for reason in found.reasons)
    assert all(reason.text and reason.points >= 0 for reason in found.reasons)
    assert found.level in risk.LEVELS
    assert (found.level == risk.HIGH) == (found.points >= risk.HIGH_FROM)
    assert len({reason.code for reason in found.reasons}) == len(found.reasons)


@given(INPUTS, st.data())
def test_worse_is_never_less_risky(good, data):
    worse = {
        "lost_share": data.draw(st.floats(good.lost_share, 1)),
        "critical_chains": good.critical_chains + data.draw(st.integers(0, 5)),
        "single_points": good.single_points + data.draw(st.integers(0, 5)),
        "unknown_nodes": good.unknown_nodes + data.draw(st.integers(0, 5)),
        "nodes": data.draw(st.integers(good.nodes, max(good.nodes, good.nodes_of_services))),
        "failed": data.draw(st.integers(good.failed, max(good.failed, good.changes))),
        "emergency": True,
        "reversibility": risk.FORWARD_ONLY,
    }
    if good.phases is not None:
        worse["phases"] = good.phases | data.draw(st.frozensets(st.sampled_from(PHASES)))
    for name, value in worse.items():
        bad = replace(good, **{name: value})
        assert risk.assess(bad).points >= risk.assess(good).points, name
    assert risk.assess(replace(good, **worse)).points >= risk.assess(good).points


@given(INPUTS)
def test_the_calendar_in_force_never_lowers_the_risk_and_an_unknown_phase_counts_like_trading(inputs):
    out = risk.assess(replace(inputs, phases=None)).points
    assert risk.assess(replace(inputs, phases=frozenset({calendar.CONTINUOUS}))).points == risk.assess(
        replace(inputs, phases=frozenset({calendar.UNKNOWN}))
    ).points >= out  # fmt: skip


@given(st.integers(0, 40), st.integers(1, 40))
def test_success_earns_trust_slowly(failed, more):
    changes = failed + 1
    points = [risk._history(changes + extra, failed).points for extra in range(more)]
    assert points == sorted(points, reverse=True)
