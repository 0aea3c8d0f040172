"""The events of a run as sentences, and how far it has come. Pure: what the runner wrote in, what a page shows out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _


@dataclass(frozen=True)
class Line:
    """One event: when, what, how it went (a state with its word), details, and the nodes it hit."""

    moment: dt.datetime
    title: str
    mark: str = ""
    word: str = ""
    detail: str = ""
    nodes: Sequence[str] = field(default_factory=list)


@dataclass(frozen=True)
class Stage:
    """One part of a run: done, progress, bad, or nothing while it is still to come."""

    title: str
    mark: str = ""
    note: str = ""


def tell(events: Sequence[Mapping[str, Any]]) -> list[Line]:
    """The events in order; measurements out of tolerance that follow each other become one line."""
    lines: list[Line] = []
    missed: list[Mapping[str, Any]] = []
    for event in events:
        if event["kind"] == "steady-state-missed":
            missed.append(event)
            continue
        if missed:
            lines.append(_missed(missed))
            missed = []
        if line := _line(event):
            lines.append(line)
    if missed:
        lines.append(_missed(missed))
    return lines


def _missed(events: Sequence[Mapping[str, Any]]) -> Line:
    outputs = events[-1].get("probes") or {}
    return Line(
        _moment(events[0]),
        _("Out of tolerance %(n)d times") % {"n": len(events)} if len(events) > 1 else _("Out of tolerance once"),
        "bad",
        _("not met"),
        _outputs(outputs),
    )


def _outputs(outputs: Any) -> str:
    """What the probes said; the last one is the one that missed."""
    if not isinstance(outputs, Mapping):
        return str(outputs or "")
    return " · ".join(f"{name}: {_short(value)}" for name, value in outputs.items())


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _("no data") if value is None else str(value)


def _line(event: Mapping[str, Any]) -> Line | None:
    moment = _moment(event)
    match event["kind"]:
        case "started":
            return Line(moment, _("The runner began to watch what customers see"))
        case "steady-state-before":
            return Line(moment, _("Steady state before the fault"), *_met(event))
        case "action":
            output = event.get("output") or {}
            failed = event.get("status") != "succeeded"
            return Line(
                moment,
                event.get("name", ""),
                "bad" if failed else "good",
                _("failed") if failed else _("done"),
                (event.get("exception") or "").rsplit("ActivityFailed: ", 1)[-1].strip()
                or str(output.get("where", "")),
                output.get("nodes") or [],
            )
        case "stop-requested":
            return Line(moment, _("Stop asked for"), "attention", _("halted"), event.get("why", ""))
        case "steady-state-after":
            return Line(moment, _("Steady state after the fault"), *_met(event))
        case "rolling-back":
            return Line(moment, _("Faults are being removed"))
        case "cleared":
            return Line(moment, _("Nothing of this run is left in the cluster"), "good", _("clear"))
        case "clear-failed":
            return Line(moment, _("Not everything could be removed"), "bad", _("failed"), event.get("why", ""))
        case "crashed":
            return Line(moment, _("The experiment broke off"), "unknown", _("unknown"), event.get("why", ""))
        case "restored":
            return Line(moment, _("Steady state once more"), *_met(event), detail=_outputs(event.get("probes")))
        case "ended":
            return Line(moment, _("The runner wrote its verdict"), detail=event.get("outcome", ""))
    return None


def _met(event: Mapping[str, Any]) -> tuple[str, str]:
    if event.get("met") is None:
        return "unknown", _("not measured")
    return ("good", _("met")) if event["met"] else ("bad", _("not met"))


def _moment(event: Mapping[str, Any]) -> dt.datetime:
    return dt.datetime.fromtimestamp(event["at"], dt.UTC)


def stages(events: Sequence[Mapping[str, Any]], *, ended: bool) -> list[Stage]:
    """The five parts of a run and how each of them stands."""
    last = {event["kind"]: event for event in events}
    injected = [event for event in events if event["kind"] == "action" and not event.get("undo")]
    missed = sum(event["kind"] == "steady-state-missed" for event in events)
    before, cleared = last.get("steady-state-before"), last.get("cleared") or last.get("clear-failed")
    parts = [
        (_("Before"), before, before is not None and not before["met"], ""),
        (
            _("Fault"),
            injected[0] if injected else None,
            any(event.get("status") != "succeeded" for event in injected[:1]),
            "",
        ),
        (
            _("Watching"),
            last.get("rolling-back"),
            missed > 0,
            _("%(n)d times out of tolerance") % {"n": missed} if missed else "",
        ),
        (_("Removal"), cleared, "clear-failed" in last, ""),
        (_("After"), last.get("restored"), last.get("restored", {}).get("met") is False, ""),
    ]
    found, reached = [], True
    for title, event, bad, note in parts:
        if bad:
            mark = "bad"
        elif event is not None:
            mark = "done"
        else:
            mark = "progress" if reached and not ended else "unknown" if ended else ""
            reached = False
        found.append(Stage(title, mark, note))
    return found
