"""The surveillance's figures as Prometheus text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trading_sim.surveillance.actions import Enforcer
from trading_sim.surveillance.book import CaseBook
from trading_sim.surveillance.follower import Follower

STATUS_NAMES = {0: "active", 1: "cancel-only", 2: "suspended"}


def _family(name: str, kind: str, text: str, samples: Iterable[tuple[Mapping[str, object], float]]) -> list[str]:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        shown = ",".join(f'{key}="{label}"' for key, label in labels.items())
        lines.append(f"{name}{{{shown}}} {value:g}" if shown else f"{name} {value:g}")
    return lines


def exposition(book: CaseBook, followers: Mapping[int, Follower], enforcer: Enforcer) -> str:
    """All metrics. A shard that is silent has no lag sample: unknown is not zero."""
    counts = book.counts()
    lines = _family(
        "trading_surveillance_cases_total", "counter", "Cases that ever reached a step.",
        (({"pattern": p, "step": s}, n) for (p, s), n in sorted(counts["reached"].items())),
    )  # fmt: skip
    lines += _family(
        "trading_surveillance_open_cases", "gauge", "Open cases by the step they have reached.",
        (({"pattern": p, "step": s}, n) for (p, s), n in sorted(counts["open"].items())),
    )  # fmt: skip
    described = {shard: follower.describe() for shard, follower in followers.items()}
    lines += _family(
        "trading_surveillance_lag_seconds", "gauge", "Time between execution on the shard and being watched.",
        (({"shard": shard}, row["lag_s"]) for shard, row in described.items() if row["lag_s"] is not None),
    )  # fmt: skip
    for name, key, text in (
        ("entries_total", "entries", "Entries with orders that were watched."),
        ("events_total", "events", "Events that the detectors took in, over restarts."),
        ("missed_entries_total", "missed_entries", "Entries that nobody has watched."),
        ("unfit_total", "unfit", "Times that an account, a pair or an order did not fit into the detectors' memory."),
    ):
        lines += _family(
            f"trading_surveillance_{name}", "counter", text, (({"shard": s}, row[key]) for s, row in described.items())
        )
    lines += _family(
        "trading_surveillance_watching", "gauge", "1 while the shard's feed is followed.",
        (({"shard": shard}, int(row["watching"])) for shard, row in described.items()),
    )  # fmt: skip
    lines += _family(
        "trading_surveillance_actions_total", "counter", "Account actions by new status and outcome on a shard.",
        (({"status": STATUS_NAMES[s], "outcome": o}, n) for (s, o), n in sorted(book.action_counts().items())),
    )  # fmt: skip
    if enforcer.took_s:
        lines += _family(
            "trading_surveillance_action_seconds_max", "gauge", "Longest time from request to execution of the last 1,000.",
            [({}, max(enforcer.took_s))],
        )  # fmt: skip
    return "\n".join(lines) + "\n"
