"""Setting keys of a configuration: they hold afterwards, everything else stays to the byte, and setting them again changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.automation import configuration_text as text

KEYS = st.sampled_from(["workers", "timeout_ms", "queue_limit_ms", "log_level", "cache"])
VALUES = st.from_regex(r"[a-z0-9_.]{1,8}", fullmatch=True)
COMMENT = st.sampled_from(["", "  # why", " #"])
LINES = st.lists(
    st.one_of(
        st.builds(lambda key, value, more: f"{key} = {value}{more}", KEYS, VALUES, COMMENT),
        st.sampled_from(["", "# a comment", "   # workers = 9"]),
    ),
    max_size=8,
)
CONTENTS = st.builds(lambda lines, end: "\n".join(lines) + end, LINES, st.sampled_from(["", "\n"]))


def values(content):
    return dict(reversed(list(text.parsed(content).items())))


@given(content=CONTENTS, wanted=st.dictionaries(KEYS, VALUES, max_size=3))
def test_set_keys_hold_and_the_rest_stays(content, wanted):
    after = text.with_settings(content, wanted)
    assert text.with_settings(after, wanted) == after or _double(content, wanted)
    assert set(wanted) <= set(text.parsed(after))
    for line in content.splitlines():
        key = line.split("#", 1)[0].partition("=")[0].strip()
        if key not in wanted:
            assert line in after.splitlines()
    if not wanted:
        assert after == content


def _double(content, wanted):
    """A key that stands twice is refused by the node; only its first line is set."""
    keys = [line.split("#", 1)[0].partition("=")[0].strip() for line in content.splitlines()]
    return any(keys.count(key) > 1 for key in wanted)


def test_what_is_no_setting_is_quoted():
    assert text.parsed("a = 1\n\n# b = 2\nc=3 # four") == {"a": "1", "c": "3"}
    with pytest.raises(text.BadSetting, match="workers"):
        text.parsed("workers")


def test_a_difference_shows_only_what_differs():
    assert text.difference("a = 1\n", "a = 1\n") == []
    assert {"-a = 1", "+a = 2"} <= set(text.difference("a = 1\nb = 2\n", "a = 2\nb = 2\n"))
