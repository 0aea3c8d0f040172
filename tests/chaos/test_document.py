"""Experiment files are data: what is not this extension's function is refused."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from chaos import document
from chaos.chaostrading import load_activities

DOCUMENTS = document.documents()


@pytest.mark.parametrize("code", DOCUMENTS)
def test_every_experiment_calls_functions_that_exist_with_arguments_they_take(code: str) -> None:
    known = {entry["name"]: {argument["name"] for argument in entry["arguments"]} for entry in load_activities()}
    found = DOCUMENTS[code]
    for entry in [*found.steps(), *found.probes()]:
        assert set(entry["arguments"]) <= known[entry["function"]], entry


def test_the_files_cover_at_least_six_families() -> None:
    families = {family for found in DOCUMENTS.values() for family in found.declared.families}
    assert len(families) >= 6


@pytest.mark.parametrize("code", DOCUMENTS)
def test_every_fault_ends_by_itself(code: str) -> None:
    for step in DOCUMENTS[code].steps():
        if step["function"].startswith("inject_"):
            assert step["arguments"]["lease_s"] >= step["pauses"]["after"]


def altered(change: Any) -> bytes:
    body = copy.deepcopy(next(iter(DOCUMENTS.values())).body)
    change(body)
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body["method"][0]["provider"].update(module="os", func="system"),
        lambda body: body["method"][0].update(provider={"type": "process", "path": "rm"}),
        lambda body: body["method"][0].update(provider={"type": "http", "url": "http://127.0.0.1"}),
        lambda body: body.update(configuration={"x": {"type": "probe"}}),
        lambda body: body.update(rollbacks=[]),
        lambda body: body.update(dry="activities"),
        lambda body: body.update(extensions=[]),
    ],
)
def test_what_is_not_data_of_ours_is_refused(change: Any) -> None:
    with pytest.raises(document.ExperimentError, match="x.json"):
        document.parse(altered(change), name="x.json")


def test_garbage_is_refused_with_a_sentence() -> None:
    with pytest.raises(document.ExperimentError, match="not JSON"):
        document.parse(b"\xff{", name="x.json")
