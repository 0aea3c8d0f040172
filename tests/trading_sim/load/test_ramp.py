"""A ramp finds the knee of a target whose queue is known, says what limited it and how sure it is, and takes its load away again."""

from __future__ import annotations

import json

import pytest

from trading_sim.chain.utilisation import mean_wait
from trading_sim.load.bracket import Rules
from trading_sim.load.ramp import ramp
from trading_sim.load.ramp_command import exit_code
from trading_sim.load.ramp_spool import Spool
from trading_sim.load.ramp_steps import Bounds, ChainSeen, RampError, Step, Used
from trading_sim.load.ramp_text import as_text, machine

CAPACITY, SERVICE_S, WORKERS = 400.0, 0.005, 8.0
ABOUT = {"kind": "cluster", "declared_peak_per_s": 100.0, "measured_peak": None, "paths": {"cash-order": ["session"]}}


class Queue:
    """A service of CAPACITY orders a second with the waiting times of the cluster's own model; p99 about five mean times."""

    name = "cluster"

    def __init__(self, about=ABOUT, limit="service", broken_at=None, lost_at=None):
        self.about, self.limit, self.broken_at, self.lost_at = about, limit, broken_at, lost_at
        self.rates, self.restored = [], 0

    def describe(self):
        return self.about

    def restore(self):
        self.restored += 1

    def measure(self, rate):
        self.rates.append(rate)
        if self.broken_at is not None and rate >= self.broken_at:
            raise RampError("the load process does not answer: gone")
        rho = rate / CAPACITY
        over = max(0.0, rho - 0.97)
        p99_ms = 5e3 * (SERVICE_S + float(mean_wait(rho, WORKERS, SERVICE_S)) + over)
        used = Used(self.limit, "session", "SZ-A", rho, rho, rate)
        lost = self.lost_at is not None and rate >= self.lost_at
        return Step(
            rate, 10.0, rate, rate, 0.0, 1.0, p99_ms, p99_ms, {"cash-order": ChainSeen(rate, 0.0, p99_ms)}, (used,), "",
            "2 orders were lost or executed twice" if lost else "",
        )  # fmt: skip


def run(target, asked=3.0, **rules):
    told = []
    values = {"start": 100.0, "factor": 1.5, "most": 2000.0, **rules}
    report = ramp(target, Rules(**values), Bounds(p99_ms=100.0), asked, lambda kind, **row: told.append(kind))
    report["machine"] = machine()
    assert target.restored >= 1
    json.dumps(report)
    return report, told


def test_the_knee_its_limit_and_the_ratio_are_found():
    report, told = run(Queue())
    assert report["outcome"] == "measured"
    knee = report["knee"]
    assert 0.9 * CAPACITY < knee["orders_per_s"] < knee["next_bad_per_s"] <= knee["orders_per_s"] * 1.05
    assert (knee["kept"], knee["next_bad_tries"]) == (2, 2)
    assert report["limit"]["kind"] == "modelled" and "session in SZ-A" in report["limit"]["text"]
    assert report["chains"][0]["bottleneck"]["name"] == "session"
    assert report["enough"] is True and exit_code(report) == 0
    assert told[0] == "started" and told.count("step") == len(report["steps"])
    page = as_text(report)
    assert "asked 3: reached" in page and "the knee was found" in page and "machine: " in page


def test_a_measured_peak_above_the_declared_one_is_what_counts():
    about = {**ABOUT, "measured_peak": {"orders_per_s": 200.0, "at": 1.0, "window_s": 10.0}}
    report, _ = run(Queue(about))
    assert report["peak"]["source"] == "measured"
    assert report["enough"] is False and exit_code(report) == 1
    assert "MISSED" in as_text(report)


@pytest.mark.parametrize("limit", ["generator", "machine"])
def test_what_the_generator_or_the_machine_could_not_give_is_a_lower_limit(limit):
    report, _ = run(Queue(limit=limit), asked=10.0)
    assert (report["outcome"], report["enough"], exit_code(report)) == ("at-least", None, 2)


def test_a_maximum_that_holds_is_a_lower_limit():
    report, _ = run(Queue(), most=200.0)
    assert (report["outcome"], report["limit"], report["ratio"]) == ("at-least", None, 2.0)


def test_no_rate_that_holds_is_no_capacity():
    report, _ = run(Queue(), start=20_000.0, most=30_000.0, factor=1.2)
    assert (report["outcome"], report["knee"], exit_code(report)) == ("none", None, 2)
    assert "capacity: unknown" in as_text(report)


def test_a_ramp_that_breaks_off_keeps_what_it_measured():
    report, told = run(Queue(broken_at=200.0))
    assert (report["outcome"], exit_code(report)) == ("broken-off", 2)
    assert "gone" in report["why"] and told[-1] == "broken-off"
    assert report["knee"]["orders_per_s"] == 150.0


def test_a_lost_order_ends_the_ramp_at_once():
    target = Queue(lost_at=200.0)
    report, _ = run(target)
    assert "look at the shards first" in report["why"]
    assert target.rates[-1] >= 200.0 and target.rates.count(target.rates[-1]) == 1


def test_the_folder_holds_events_and_report_and_takes_a_stop(tmp_path):
    spool = Spool(tmp_path / "spool")
    spool.tell("started", x=1)
    assert spool.stop() == ""
    (tmp_path / "spool" / "stop").write_text("enough\n")
    assert spool.stop() == "enough"
    report, _ = run(Queue())
    spool.keep(report)
    assert json.loads((tmp_path / "spool" / "report.json").read_text())["outcome"] == "measured"
    assert (tmp_path / "spool" / "report.txt").read_text() == as_text(report)
    assert json.loads((tmp_path / "spool" / "events.jsonl").read_text())["kind"] == "started"
