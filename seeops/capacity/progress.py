"""What the events of a running capacity test say of it. Pure: events in, what a page shows out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Progress:
    """Steps so far, the rate that is held now (None between steps), what is waited for, and the newest look at the flow."""

    steps: list[Mapping[str, Any]] = field(default_factory=list)
    rate: float | None = None
    waiting: str = ""
    look: Mapping[str, Any] | None = None
    started: Mapping[str, Any] | None = None

    @property
    def best(self) -> float | None:
        """The highest rate below every one that left its bounds that kept them."""
        left = min((step["rate"] for step in self.steps if not step["kept"]), default=float("inf"))
        return max((step["rate"] for step in self.steps if step["kept"] and step["rate"] < left), default=None)


def read(events: Sequence[Mapping[str, Any]]) -> Progress:
    """The state after the last event."""
    steps: list[Mapping[str, Any]] = []
    rate, waiting, look, started = None, "", None, None
    for event in events:
        match event["kind"]:
            case "started":
                started = event
            case "step-begins":
                rate, waiting, look = event["rate"], "", None
            case "step":
                steps.append(event)
                rate, look = None, None
            case "waiting":
                waiting = event["why"]
            case "look":
                look, waiting = event, ""
    return Progress(steps, rate, waiting, look, started)
