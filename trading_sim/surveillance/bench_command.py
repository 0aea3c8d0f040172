"""`python -m trading_sim bench surveillance`: tables of the surveillance's quality, throughput and time to action."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from trading_sim.load.ramp_steps import RampError
from trading_sim.surveillance import bench, bench_live
from trading_sim.surveillance.thresholds import PATTERNS

TARGET_ACCURACY = 0.985
TARGET_ACTION_S = 5.0


def run(seeds: str | None, live_s: float | None, as_json: bool) -> int:
    """Measure and print; 0, or 2 when something cannot be measured."""
    try:
        chosen = parse_seeds(seeds) if seeds else bench.UNSEEN_SEEDS
        report = bench.measure(chosen, progress=lambda seed: sys.stderr.write(f"seed {seed} played\n"))
        report["bulk_events_per_cpu_s"] = bench.bulk_throughput(chosen[0])
        if live_s:
            report["live"] = live(chosen[0], live_s)
    except (ValueError, RampError, OSError) as error:
        sys.stderr.write(f"the surveillance cannot be measured: {error}\n")
        return 2
    report["load_average"] = round(os.getloadavg()[0], 2)
    sys.stdout.write((json.dumps(report) if as_json else table(report)) + "\n")
    return 0


def parse_seeds(text: str) -> tuple[int, ...]:
    """Seeds of "1000-1011" or "1000,1004". Raises ValueError."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        seeds += range(int(first), int(last) + 1) if dash else [int(first)]
    if not seeds:
        raise ValueError(f"{text!r} names no seeds")
    return tuple(seeds)


def live(seed: int, seconds: float, base_port: int = 24_300) -> dict[str, Any]:
    """Start a shard of three replicas and the surveillance's process in a folder of their own, and play into it."""
    with (
        tempfile.TemporaryDirectory(prefix="surveillance-") as folder,
        bench_live.Running(Path(folder), base_port) as running,
    ):
        begin = time.process_time()
        waits = bench_live.play_live(running.addresses, running.url, seed, seconds)
        waits["surveillance_cpu_percent"] = running.cpu_percent()
        waits["player_cpu_s"] = round(time.process_time() - begin, 2)
    return waits


def _met(value: float, target: float, at_most: bool = False) -> str:
    return "reached" if (value <= target if at_most else value >= target) else "missed"


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    balance = ", ".join(f"{count} {name}" for name, count in report["balance"].items())
    lines = [f"{len(report['seeds'])} unseen days, one decision is one account in one symbol on one day: {balance}"]
    for name, step in report["steps"].items():
        lines.append(
            f"\nflagged from the step {name} on: accuracy {step['accuracy']:.2%} ({step['right']} of {step['decisions']}), "
            f"target {TARGET_ACCURACY:.1%} {_met(step['accuracy'], TARGET_ACCURACY)}"
        )
        lines.append(
            f"  {'pattern':12}{'guilty':>8}{'found':>8}{'recall':>9}{'flagged':>9}{'right':>8}{'precision':>11}"
        )
        for pattern in PATTERNS:
            row = step["patterns"][pattern]
            shown = [f"{row[key]:.1%}" if row[key] is not None else "–" for key in ("recall", "precision")]
            lines.append(
                f"  {pattern:12}{row['guilty']:>8}{row['found']:>8}{shown[0]:>9}{row['flagged']:>9}{row['right_flags']:>8}{shown[1]:>11}"
            )
        names = [*PATTERNS, bench.NONE]
        lines.append(f"  confusion (truth down, said across)\n  {'':12}" + "".join(f"{name:>13}" for name in names))
        lines += [f"  {t:12}" + "".join(f"{step['confusion'][t][s]:>13}" for s in names) for t in names]
    ordinary = report["false_flags_of_all_ordinary"]
    lines.append(
        f"\nof all {ordinary['accounts_x_symbols']:,} ordinary accounts x symbols {ordinary['flagged']} were flagged"
    )
    lines.append(
        f"market time from an episode's first order to the finding that acts: {report['first_order_to_act_s']}"
    )
    lines.append(
        f"throughput: {report['events_per_cpu_s']:,} events per CPU second in steps of {report['step_of_the_stage_s']} s, "
        f"{report['bulk_events_per_cpu_s']:,} in blocks (one core; load average {report['load_average']})"
    )
    return "\n".join(lines + (live_lines(report["live"]) if "live" in report else []))


def live_lines(live_report: dict[str, Any]) -> list[str]:
    lines = ["\non a real shard, by the clock:"]
    for key, text in (
        ("crossing_to_action_s", "from the command that crossed the threshold to the executed account command"),
        ("first_order_to_action_s", "from an episode's first order to the executed account command"),
    ):
        values = live_report[key]
        if values:
            p50, p99, most = (float(np.percentile(values, p)) for p in (50, 99, 100))
            lines.append(f"  {text}: p50 {p50:.3f} s, p99 {p99:.3f} s, max {most:.3f} s ({len(values)} accounts)")
    crossing = live_report["crossing_to_action_s"]
    if crossing:
        lines.append(
            f"  target {TARGET_ACTION_S:g} s from the crossing: {_met(max(crossing), TARGET_ACTION_S, at_most=True)}"
        )
    lines.append(f"  guilty accounts not acted on while it was played: {len(live_report['not_acted_on'])}")
    lines.append(f"  the surveillance took {live_report['surveillance_cpu_percent']} % of a core")
    return lines
