"""Sentences that workers stored in English, read by somebody who reads Chinese."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from chaos.chaostrading import load_activities
from seeops.bootstrap.catalogues import compile_catalogue
from seeops.core import sentences
from seeops.releases import batches

ROOT = Path(__file__).parents[3]
CATALOGUE = ROOT / "seeops" / "locale" / "zh_Hans" / "LC_MESSAGES" / "django.po"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("locale")
    po = folder / "zh_Hans" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True)
    shutil.copy(CATALOGUE, po)
    compile_catalogue(po)
    return folder


@pytest.fixture(autouse=True)
def reader(compiled: Path, settings: object) -> Iterator[None]:
    """Somebody who reads Chinese."""
    settings.LOCALE_PATHS = [compiled]
    with translation.override("zh-hans"):
        yield


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        ("planned, not started", "已计划，未开始"),
        ("batch 2 begins: 12 nodes to 3.2.1", "批次 2 开始：12 个节点升至 3.2.1"),
        ("held by Lin: looks odd; wait", "Lin 已暂停：looks odd; wait"),
        ("REL-00007 batch 2, roll-back", "REL-00007 批次 2，回退"),
        (
            "5 nodes are back on their version: batch 1: FAIL, memory growth: +3.10 % a minute against the peers",
            "5 个节点已恢复原版本：批次 1：未通过，内存增长：与对照节点相比每分钟 +3.10 %",
        ),
        (
            "no requests on one side; errors: 5 of 900 requests failed (0.56%), peers 0 of 990 (0.00%)",
            "有一侧没有请求；错误：900 个请求中有 5 个失败（0.56%），对照节点 990 个中有 0 个（0.00%）",
        ),
    ],
)
def test_a_stored_sentence_is_read_with_its_values(stored: str, read: str) -> None:
    assert sentences.read(stored) == read


def test_what_a_person_wrote_and_what_is_english_stay_as_they_are() -> None:
    for text in ("Ask Wang; she knows: the disk of 12 is full", "", "5% of it", "升级后观察"):
        assert sentences.read(text) == text
    assert sentences.read(None) == ""
    with translation.override("en"):
        assert sentences.read("planned, not started") == "planned, not started"


@given(st.text(max_size=60))
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(sentences.read(text), str)


def test_refused_plans_speak_chinese() -> None:
    members = [batches.Member(f"node-{n}", "SZ-A", 1) for n in range(20)]
    for expression in ("", "a", "0", "200%", "25%, 25%, 100%", "5%", "*2", ",".join(["1"] * 60)):
        with pytest.raises(batches.PlanError) as refused:
            batches.plan(expression, members, {"SZ-A": 3})
        assert CHINESE.search(sentences.read(refused.value)), refused.value
    for warning in batches.plan("1, 100%", members, {"SZ-A": 0}, short=True).warnings:
        assert CHINESE.search(sentences.read(warning)), warning


def test_the_judge_speaks_chinese() -> None:
    """Every text in the source of the judge is known to the catalogue: f-strings are tried with a figure in each place."""
    for name in ("measures.py", "counts.py", "chains.py", "integrity.py", "verdict.py"):
        source = (ROOT / "seeops" / "releases" / name).read_text(encoding="utf-8")
        for prefix, text in re.findall(r'(?:text=|return )(f?)"([^"\n]+)"', source):
            said = re.sub(r"\{_per\w+\([^}]*\}", "+1.00 %", text) if prefix else text
            said = re.sub(r"\{[^}]*%\}", "1.00%", said)
            said = said.replace("{name}", "peers")
            said = re.sub(r"\{[^}]*\}", "7", said)
            if len(re.findall(r"[a-z]{2,}", said)) > 1:
                assert CHINESE.search(sentences.read(said)), said


def test_titles_of_files_are_known() -> None:
    said = []
    for path in sorted((ROOT / "chaos" / "experiments").glob("*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        steps = [*document["method"], *document["rollbacks"], *document["steady-state-hypothesis"]["probes"]]
        said += [document["title"], document["description"], *(step["name"] for step in steps)]
    said += [entry["doc"] for entry in load_activities()]
    for path in sorted((ROOT / "playbooks").glob("*/meta/argument_specs.yml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"]
        said.append(spec["short_description"])
        said += [option["description"] for option in (spec.get("options") or {}).values()]
    cluster = yaml.safe_load((ROOT / "trading_sim" / "cluster.yaml").read_text(encoding="utf-8"))
    for part in cluster.values():
        if isinstance(part, dict):
            said += [entry["title"] for entry in part.values() if isinstance(entry, dict) and "title" in entry]
    english = sorted({text for text in said if not CHINESE.search(sentences.read(text))})
    assert len(said) > 100
    assert not english, "add these to a wording module, extract and translate"
