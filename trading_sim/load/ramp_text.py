"""The capacity report on one page, and the line that says which machine it was measured on."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

OUTCOMES = {
    "measured": "the knee was found",
    "at-least": "the capacity is at least this, how much more is not known",
    "none": "not even the lowest rate kept the bounds",
    "broken-off": "broken off",
}


def machine() -> dict[str, Any]:
    """Processor, cores, system, Python, and the load average at this moment."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        model = names[0] if names else model
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": [round(value, 2) for value in os.getloadavg()],
    }


def as_text(report: dict[str, Any]) -> str:
    """The report for people: what was found, against what, what limited it, how sure, step by step."""
    lines = [_headline(report), *_comparison(report), *_limit(report), *_sure(report), ""]
    lines += _chains(report) + _services(report) + _steps(report)
    host = report["machine"]
    lines.append(
        f"machine: {host['processor']}, {host['cores']} cores, {host['system']}, Python {host['python']}, "
        f"load average {' '.join(map(str, host['load_average']))} at the start"
    )
    return "\n".join(lines) + "\n"


def _headline(report: dict[str, Any]) -> str:
    knee, bounds = report["knee"], report["bounds"]
    rule = f"p99 <= {bounds['p99_ms']:g} ms and at most {bounds['errors']:.2%} failed"
    if knee is None:
        return (
            f"capacity: unknown ({OUTCOMES[report['outcome']]}{': ' + report['why'] if report['why'] else ''}; {rule})"
        )
    more = f": {report['why']}" if report["why"] else ""
    return f"capacity: {knee['orders_per_s']:,.0f} orders a second with {rule} ({OUTCOMES[report['outcome']]}{more})"


def _comparison(report: dict[str, Any]) -> list[str]:
    peak = report["peak"]
    if peak is None or report["ratio"] is None:
        return ["ratio to the historic peak: unknown"]
    word = {True: "reached", False: "MISSED", None: "not known"}[report["enough"]]
    source = (
        "the highest rate ever measured here" if peak["source"] == "measured" else "the peak the cluster file declares"
    )
    return [
        f"ratio: {report['ratio']:.2f} times {peak['orders_per_s']:,.1f} orders a second ({source}); asked {report['asked']:g}: {word}"
    ]


def _limit(report: dict[str, Any]) -> list[str]:
    return [f"limited by: {report['limit']['text']}"] if report["limit"] else []


def _sure(report: dict[str, Any]) -> list[str]:
    knee = report["knee"]
    if knee is None:
        return []
    times = ", ".join("none" if value is None else f"{value:.1f}" for value in knee["p99_ms"])
    text = f"how sure: kept {knee['kept']} of {knee['tries']} times (p99 {times} ms)"
    if knee["next_bad_per_s"] is not None:
        text += f"; {knee['next_bad_per_s']:,.0f} a second did not ({knee['next_bad_tries']} tries): {'; '.join(knee['next_bad_reasons'])}"
    return [text]


def _chains(report: dict[str, Any]) -> list[str]:
    if not report["chains"]:
        return []
    lines = ["chain                    answered/s  failed   p99 ms  first bottleneck"]
    for row in report["chains"]:
        first = row["bottleneck"]
        where = "unknown" if first is None else f"{first['name']} {first['centre']} at {first['part']:.0%}"
        p99 = "-" if row["p99_ms"] is None else f"{row['p99_ms']:.1f}"
        lines.append(f"  {row['chain']:22} {row['answered_per_s']:10.1f} {row['failed']:7.2%} {p99:>8}  {where}")
    return [*lines, ""]


def _services(report: dict[str, Any]) -> list[str]:
    if not report["services"] and not report["processes"]:
        return []
    lines = ["busiest at the knee"]
    lines += [
        f"  {row['name']:22} {row['centre']:6} {row['part']:6.1%} of its capacity, busiest node {row['busiest']:.1%} (modelled)"
        for row in report["services"]
    ]
    for row in report["processes"]:
        of = "of the machine, other work included" if row["kind"] == "machine" else "of a core (real process)"
        lines.append(f"  {row['name']:29} {row['part']:6.1%} {of}")
    return [*lines, ""]


def _steps(report: dict[str, Any]) -> list[str]:
    lines = ["step  offered/s  answered/s  p50 ms   p99 ms  p99.9 ms  failed  load"]
    for number, step in enumerate(report["steps"], 1):
        p50, p99, p999 = (
            "-" if step[name] is None else f"{step[name]:.1f}" for name in ("p50_ms", "p99_ms", "p999_ms")
        )
        kept = "" if not step["reasons"] else "  " + "; ".join(step["reasons"])
        lines.append(
            f"{number:4} {step['rate']:10,.1f} {step['answered_per_s']:11,.1f} {p50:>7} {p99:>8} {p999:>9} "
            f"{step['failed']:7.2%} {step['load_average']:5.2f}{kept}"
        )
    return [*lines, ""]
