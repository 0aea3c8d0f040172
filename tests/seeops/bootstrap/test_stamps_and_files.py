"""A step counts as done only when it finished, and for exactly its inputs."""

from __future__ import annotations

import json
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeops.bootstrap import files
from seeops.bootstrap.stamps import Stamp, digest


def test_stamp_holds_for_its_inputs_only(tmp_path) -> None:
    Stamp(tmp_path, "step", "a").write()
    assert Stamp(tmp_path, "step", "a").is_current()
    assert not Stamp(tmp_path, "step", "b").is_current()


def test_step_that_was_interrupted_has_no_stamp(tmp_path) -> None:
    Stamp(tmp_path, "step", "a").write()
    Stamp(tmp_path, "step", "b").forget()
    assert not Stamp(tmp_path, "step", "a").is_current()


def test_digest_sees_content_name_and_absence(tmp_path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("x")
    before = digest(one)
    two.write_text("x")
    assert digest(two) != before
    one.write_text("y")
    assert digest(one) != before
    one.unlink()
    assert digest(one) != before


@given(st.lists(st.text(), min_size=1, max_size=4), st.lists(st.text(), min_size=1, max_size=4))
def test_different_lists_of_texts_have_different_digests(left: list[str], right: list[str]) -> None:
    assume_different = left != right and not any("\0" in text for text in left + right)
    if assume_different:
        assert digest(*left) != digest(*right)


def test_file_is_whole_or_not_there(tmp_path, monkeypatch) -> None:
    target = tmp_path / "endpoints.json"
    files.write_json(target, {"old": True})

    def die(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", die)
    with pytest.raises(KeyboardInterrupt):
        files.write_json(target, {"new": True})
    assert json.loads(target.read_text()) == {"old": True}
    assert [path.name for path in tmp_path.iterdir()] == ["endpoints.json"]


def test_secrets_are_never_readable_by_others_not_even_for_a_moment(tmp_path, monkeypatch) -> None:
    modes = []
    real = files.os.fsync
    monkeypatch.setattr(files.os, "fsync", lambda d: (modes.append(stat.S_IMODE(files.os.fstat(d).st_mode)), real(d)))
    files.write_json(tmp_path / "people.json", [])
    assert modes == [0o600]
    assert stat.S_IMODE((tmp_path / "people.json").stat().st_mode) == 0o600
