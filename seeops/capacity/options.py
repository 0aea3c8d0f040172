"""How a capacity test is carried out: what a person may choose, within which bounds, and the command line it becomes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput

#: Name → (lowest, highest).
BOUNDS = {
    "asked": (1.0, 20.0), "p99_ms": (1.0, 10_000.0), "errors": (0.0, 0.2), "most_times": (1.0, 50.0), "hold_s": (3.0, 120.0),
    "settle_s": (2.0, 60.0), "repeats": (1.0, 5.0),
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """`asked`: times the historic peak that is asked; `most_times`: never more than so many times the declared peak."""

    asked: float = 3.0
    p99_ms: float = 100.0
    errors: float = 0.005
    most_times: float = 6.0
    settle_s: float = 10.0
    hold_s: float = 15.0
    repeats: float = 2.0

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def parse(data: Mapping[str, Any]) -> Options:
    """The options of a form or request; what is not given keeps its default. Raises InvalidInput that names the field."""
    values = {}
    for name, (low, high) in BOUNDS.items():
        raw = data.get(name)
        if raw in (None, ""):
            continue
        try:
            value = float(str(raw))
        except ValueError as error:
            raise InvalidInput(
                _("%(name)s: “%(value)s” is no number.") % {"name": name, "value": str(raw)[:40]}, field=name
            ) from error
        if not low <= value <= high:
            raise InvalidInput(
                _("%(name)s must be from %(low)g to %(high)g.") % {"name": name, "low": low, "high": high}, field=name
            )
        values[name] = value
    return Options(**values)


def command_line(options: Options, *, state: str, spool: str, owner: str, declared_peak: float) -> list[str]:
    """Arguments of `python -m trading_sim`."""
    return [
        "load", "--ramp", "--state", state, "--spool", spool, "--owner", owner, "--asked", f"{options.asked:g}",
        "--p99-ms", f"{options.p99_ms:g}", "--errors", f"{options.errors:g}", "--settle-s", f"{options.settle_s:g}",
        "--hold-s", f"{options.hold_s:g}", "--repeats", f"{options.repeats:.0f}",
        "--from", f"{declared_peak:g}", "--most", f"{options.most_times * declared_peak:g}",
    ]  # fmt: skip
