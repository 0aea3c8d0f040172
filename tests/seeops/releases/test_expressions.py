"""The language of batches."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seeops.releases.expressions import (
    MOST_BATCHES,
    PlanError,
    parse,
    sizes,
    steps,
    suggest,
    suggest_for_shards,
)

# How busy the machine is says nothing about the strategies.
SLOW = [HealthCheck.too_slow]


@pytest.mark.parametrize(
    ("expression", "total", "expected"),
    [
        ("1 5% 30% 100%", 240, [1, 11, 60, 168]),
        ("1, 5%, 30%, rest", 240, [1, 11, 60, 168]),
        ("10 20 20", 50, [10, 20, 20]),
        ("10 20 20", 95, [10, 20, 20, 20, 20, 5]),
        ("10 20 20 20 100%", 100, [10, 20, 20, 20, 30]),
        ("10 20 20", 45, [10, 20, 15]),
        ("5 *2", 240, [5, 10, 20, 40, 80, 85]),
        ("1 *3", 13, [1, 3, 9]),
        ("5% *2", 100, [5, 10, 20, 40, 25]),
        ("1 3 +2", 20, [1, 3, 5, 7, 4]),
        ("2 *1", 7, [2, 2, 2, 1]),
        ("10 30% rest", 100, [10, 20, 70]),
        ("1，5％、100％", 40, [1, 1, 38]),
        ("5 ×2", 15, [5, 10]),
    ],
)
def test_numbers_are_sizes_percentages_are_targets_and_the_end_goes_on(expression, total, expected):
    assert sizes(parse(expression), total) == expected


@pytest.mark.parametrize(
    ("expression", "total", "words"),
    [
        ("", 10, "empty"),
        ("1, x, 100%", 10, "“x” is none of these"),
        ("1, *5%", 10, "“\\*5%” is none of these"),
        ("0, 100%", 10, "out of range"),
        ("1, *0", 10, "out of range"),
        ("1, 120%", 10, "out of range"),
        ("*2", 10, "needs a batch before it"),
        ("1 *2 5", 10, "“\\*2” goes on until all nodes are done"),
        ("rest 5", 10, "“rest” goes on"),
        ("1, 5%, 5%, 100%", 100, "Batch 3 \\(5%\\) is empty: batches before it already reach 5 of 100.* target"),
        ("10 20 20", 25, "Batch 3 \\(20\\) is empty: batches before it already reach 25 of 25 nodes. Leave it out"),
        ("100% rest", 10, "Batch 2 \\(rest\\) is empty"),
        ("1, 30%", 100, "end at 30 of 100"),
        ("1", 240, "more than 60 batches of 240 nodes"),
        ("1 " * 30, 100, "too many"),
        ("1", 0, "no node"),
    ],
)
def test_what_makes_no_batches_says_why_and_what_to_change(expression, total, words):
    with pytest.raises(PlanError, match=words):
        sizes(parse(expression), total)


def test_usual_batches_shrink_with_the_service():
    assert suggest(240) == "1, 5%, 30%, 100%"
    assert suggest(3) == "1, 100%"
    assert suggest(1) == "1"
    assert suggest(5, "10 20 20") == "10"
    assert [sizes(parse(suggest(n)), n) for n in (1, 2, 3)] == [[1], [1, 1], [1, 2]]


def test_shards_are_changed_one_replica_after_the_other():
    assert suggest_for_shards([3, 3]) == "1, 1, 2, 2"
    assert suggest_for_shards([3]) == "1, 1, 1"
    assert suggest_for_shards([3, 1]) == "1, 1, 1, 1"


plain = st.one_of(st.integers(1, 60).map(str), st.integers(1, 100).map("{}%".format))
ends = st.one_of(st.just("rest"), st.integers(1, 5).map("*{}".format), st.integers(1, 40).map("+{}".format), plain)


@given(before=st.lists(plain, max_size=6), end=ends, total=st.integers(1, 1300))
@settings(max_examples=400, deadline=None, suppress_health_check=SLOW)
def test_every_expression_either_covers_every_node_once_or_says_why_not(before, end, total):
    expression = " ".join([*before, end])
    try:
        made = steps(parse(expression), total)
    except PlanError as error:
        assert str(error)
        return
    assert sum(step.count for step in made) == total
    assert all(step.count > 0 for step in made)
    assert len(made) <= MOST_BATCHES
    assert [step.term for step in made[: len(before)]] == before
    for number, word in enumerate([*before, end], start=1):
        done = sum(step.count for step in made[:number])
        if word.endswith("%"):
            assert (done - 1) * 100 < int(word[:-1]) * total <= done * 100
        elif word.isdigit() and number < len(made):
            assert made[number - 1].count == int(word)
    assert sizes(parse(expression.replace(" ", ", ")), total) == [step.count for step in made]


@given(expression=st.sampled_from(["1 5% 30% 100%", "10 20 20", "5 *2", "3 +4", "1 2 rest"]), total=st.integers(1, 900))
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
def test_a_suggestion_is_never_refused_for_an_empty_batch(expression, total):
    try:
        assert sum(sizes(parse(suggest(total, expression)), total)) == total
    except PlanError as error:
        assert "is empty" not in str(error)
