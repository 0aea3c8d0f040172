"""The search for the knee finds it wherever it is, in a bounded number of steps, and never calls a rate good that once failed."""

from hypothesis import given
from hypothesis import strategies as st

from trading_sim.load.bracket import Bracket, Rules


def search(bracket, keeps, most=400) -> int:
    steps = 0
    while (rate := bracket.next()) is not None:
        bracket.note(rate, keeps(rate))
        steps += 1
        assert steps < most
    return steps


@given(
    threshold=st.floats(1.0, 5e5),
    start=st.floats(1.0, 1e4),
    factor=st.floats(1.05, 3.0),
    tolerance=st.floats(0.01, 0.3),
    repeats=st.integers(1, 4),
)
def test_a_sharp_knee_is_found_within_the_tolerance(threshold, start, factor, tolerance, repeats):
    bracket = Bracket(Rules(start, factor, most=1e6, tolerance=tolerance, repeats=repeats))
    search(bracket, lambda rate: rate <= threshold)
    knee = bracket.knee
    if knee is None:
        assert threshold < start / 20 * factor, "only a knee far below the start is not looked for"
        return
    assert knee <= threshold < knee * (1 + tolerance) * (1 + 1e-9)
    assert bracket.kept[knee] >= repeats


@given(answers=st.lists(st.booleans(), min_size=30, max_size=90), repeats=st.integers(1, 4))
def test_contradicting_steps_end_too_and_no_rate_at_or_above_a_bad_one_is_the_knee(answers, repeats):
    bracket = Bracket(Rules(100.0, 1.5, most=1e4, repeats=repeats))
    turn = iter(answers)
    search(bracket, lambda rate: next(turn, False))
    bad = [rate for rate, times in bracket.left.items() if times >= bracket.rules.confirm]
    assert bracket.knee is None or bracket.knee < min(bad, default=float("inf"))
    assert bracket.knee is None or bracket.kept[bracket.knee] > bracket.left.get(bracket.knee, 0)


def test_a_maximum_that_holds_is_at_least_the_capacity():
    bracket = Bracket(Rules(100.0, 2.0, most=350.0))
    search(bracket, lambda rate: True)
    assert bracket.reached_most
    assert bracket.knee == 350.0
    assert bracket.lowest_bad is None


def test_one_disturbed_step_does_not_become_the_knee():
    bracket = Bracket(Rules(100.0, 2.0, most=3200.0))
    disturbed = iter([True, False])  # the second step of all
    search(bracket, lambda rate: next(disturbed, True))
    assert bracket.knee == 3200.0


def test_a_repeat_that_fails_for_certain_sends_the_search_below_it():
    bracket = Bracket(Rules(100.0, 2.0, most=1e4, tolerance=0.05, repeats=2))
    tries = {}

    def keeps(rate):
        tries[rate] = tries.get(rate, 0) + 1
        return rate <= 300 or (rate < 330 and tries[rate] == 1)

    search(bracket, keeps)
    assert bracket.knee <= 300


def test_a_step_that_was_stopped_is_not_tried_again():
    bracket = Bracket(Rules(100.0, 2.0, most=1e4))
    bracket.note(100.0, kept=True)
    bracket.note(200.0, kept=False, certain=True)
    assert bracket.lowest_bad == 200.0
    assert bracket.next() < 200.0
