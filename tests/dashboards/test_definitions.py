"""Dashboards are files: each is valid, each query is PromQL, each figure is one that Plotly takes."""

from __future__ import annotations

import datetime as dt
import re
import subprocess
from pathlib import Path

import plotly.graph_objects as go
import pytest
import yaml

from seeops.bootstrap import tools
from seeops.monitoring import definitions, figures, files, prometheus

BOARDS = definitions.all_of_them()
QUERIES = [
    (f"{board.key}/{panel.key}", query)
    for board in BOARDS.values()
    for row in board.rows
    for panel in row.panels
    for query in panel.queries
]


def test_the_dashboards_people_work_with_are_there() -> None:
    assert {"chain", "service", "centre", "business", "nodes", "shards", "node"} <= set(BOARDS)


def test_every_query_is_promql(tmp_path: Path) -> None:
    matchers = {name: f'{name}="x"' for name in ("chain", "service", "centre", "node")}
    rules = [
        {"record": f"panel:query_{number}", "expr": definitions.filled(query.expr, matchers)}
        for number, (_place, query) in enumerate(QUERIES)
    ]
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(
        [tools.prometheus("promtool"), "check", "rules", file], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_recorded_name_that_a_panel_reads_is_recorded() -> None:
    rules = files.FOLDER / "prometheus" / "rules" / "recording.yml"
    recorded = {rule["record"] for group in yaml.safe_load(rules.read_text())["groups"] for rule in group["rules"]}
    used = {name for _place, query in QUERIES for name in re.findall(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", query.expr)}
    assert used <= recorded


def test_words_of_legends_can_be_translated() -> None:
    words = {query.legend[1:].partition(" {")[0] for _place, query in QUERIES if query.legend.startswith("@")}
    assert words <= set(definitions.WORDS)


def test_a_panel_with_an_unknown_variable_is_refused() -> None:
    text = {"en": "x", "zh-hans": "x"}
    panel = {"key": "a", "title": text, "unit": "count", "queries": [{"expr": "up{${city}}", "legend": "x"}]}
    raw = {"title": text, "description": text, "order": 1, "rows": [{"panels": [panel]}]}
    with pytest.raises(files.FileInvalid, match="city"):
        definitions.parse("broken", raw)


def test_a_file_that_breaks_the_schema_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(
        "title: {en: x, zh-hans: x}\ndescription: {en: x, zh-hans: x}\norder: one\nrows: []\n"
    )
    with pytest.raises(files.FileInvalid, match="broken.yml: at order"):
        definitions.all_of_them(tmp_path)


def test_a_variable_cannot_leave_its_quotes() -> None:
    evil = prometheus.matching(service='x"} or vector(1) #')[1:-1]
    assert definitions.filled("up{${service}}", {"service": evil}) == 'up{service="x\\"} or vector(1) #"}'


@pytest.mark.parametrize("unit", list(figures.UNITS))
@pytest.mark.parametrize("values", [(1.0, None, 3.0), (None, None, None), (0.999, 0.9995, 1.0), (0.0, 0.0, 0.0)])
def test_figures_are_ones_that_plotly_takes(unit: str, values: tuple) -> None:
    start = dt.datetime(2026, 5, 11, 1, 30, tzinfo=dt.UTC)
    line = figures.Line("a", [start.timestamp() + i for i in range(3)], values, href="/x", dashed=True)
    made = figures.figure(
        [line], unit=unit, shape="steps", start=start, end=start + dt.timedelta(minutes=5), zone=dt.UTC
    )
    go.Figure(data=made["data"], layout=made["layout"])
    assert made["meta"]["empty"] == all(value is None for value in values)


def test_the_largest_lines_are_kept_and_the_rest_counted() -> None:
    lines = [figures.Line(str(i), [0.0], [float(i)]) for i in range(10)]
    kept, left_out = figures.largest(lines, 3)
    assert ([line.name for line in kept], left_out) == (["7", "8", "9"], 7)
