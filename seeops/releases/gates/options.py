"""What a plan may say about its gates, within which bounds. Pure: a wish in, the frozen options out.

    {"shadow": {"declared": ["NEW LIMIT DAY: ACCEPTED → refused: price collar"], "reuse_s": 900, "longest_s": 1800},
     "chaos": {"fault": "kill", "params": {}, "nodes": 1, "duration_s": 20, "recovery_s": 15, "success": 0.9, "wait_s": 600}}

The shadow gate cannot be left out for a service that carries shards: only its settings are chosen. The chaos gate stands in a plan only
when it is wished for. Both are part of the plan, hence of its digest and of what is approved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput

MOST_DECLARED, LONGEST_DECLARED = 50, 300


@dataclass(frozen=True)
class Setting:
    """A number of a gate: its unit for people, its bounds, and what it is when nothing is said."""

    name: str
    unit: str
    low: float
    high: float
    default: float


SHADOW = (
    Setting("reuse_s", "s", 0, 6 * 3600, 900),
    Setting("longest_s", "s", 60, 2 * 3600, 1800),
)
CHAOS = (
    Setting("nodes", "", 1, 4, 1),
    Setting("duration_s", "s", 5, 120, 20),
    Setting("recovery_s", "s", 1, 120, 15),
    Setting("success", "", 0.5, 1, 0.9),
    Setting("wait_s", "s", 30, 3600, 600),
)
#: Faults that can be limited to named nodes, with the one number that each takes.
FAULTS: dict[str, tuple[Setting, ...]] = {
    "kill": (),
    "pause": (),
    "crash-loop": (Setting("period_s", "s", 2, 60, 8),),
    "delay": (Setting("ms", "ms", 1, 500, 40),),
    "cpu": (Setting("ratio", "", 0.05, 0.9, 0.5),),
    "workers": (Setting("fraction", "", 0.05, 0.9, 0.5),),
}
WHOLE = {"nodes"}


@dataclass(frozen=True)
class Shadow:
    """`declared`: the kinds of differences that the version is meant to make, as a shadow run names them; `reuse_s`: a shadow run of the
    same package that is no older counts; `longest_s`: what is not judged by then is inconclusive."""

    declared: tuple[str, ...] = ()
    reuse_s: float = 900
    longest_s: float = 1800


@dataclass(frozen=True)
class Chaos:
    """`fault` on `nodes` nodes of the first batch for `duration_s`; customers must be served again (`success` of their requests) within
    `recovery_s`; the gate waits at most `wait_s` for the right moment."""

    fault: str = "kill"
    params: dict[str, float] = field(default_factory=dict)
    nodes: int = 1
    duration_s: float = 20
    recovery_s: float = 15
    success: float = 0.9
    wait_s: float = 600


def checked(wish: Mapping[str, Any] | None, *, shards: bool) -> dict[str, Any]:
    """The options to freeze in the plan. `shards`: a part carries shards. Raises InvalidInput that names what is wrong with which."""
    wish = dict(wish or {})
    if unknown := wish.keys() - {"shadow", "chaos"}:
        raise _wrong("gates", _("There is no gate “%(name)s”.") % {"name": ", ".join(sorted(map(str, unknown)))[:60]})
    found: dict[str, Any] = {}
    if shards:
        found["shadow"] = asdict(shadow_of(wish.get("shadow")))
    elif wish.get("shadow"):
        raise _wrong("shadow", _("No part of this plan carries shards: there is no journal to replay."))
    if wish.get("chaos"):
        found["chaos"] = asdict(chaos_of(wish["chaos"]))
    return found


def shadow_of(wish: Mapping[str, Any] | None) -> Shadow:
    """Settings of a shadow gate from a wish or a frozen plan. Raises InvalidInput."""
    wish = _mapping(wish, "shadow", {"declared", *(setting.name for setting in SHADOW)})
    declared = wish.get("declared") or []
    if isinstance(declared, str):
        declared = [line.strip() for line in declared.splitlines() if line.strip()]
    if not isinstance(declared, list | tuple) or not all(isinstance(kind, str) and kind for kind in declared):
        raise _wrong("declared", _("Declared differences are a list of texts, as a shadow run names them."))
    if len(declared) > MOST_DECLARED or any(len(kind) > LONGEST_DECLARED for kind in declared):
        raise _wrong(
            "declared",
            _("At most %(n)d differences of %(m)d characters can be declared.")
            % {"n": MOST_DECLARED, "m": LONGEST_DECLARED},
        )
    return Shadow(declared=tuple(sorted(set(declared))), **_numbers(wish, SHADOW))


def chaos_of(wish: Mapping[str, Any] | None) -> Chaos:
    """Settings of a chaos gate from a wish or a frozen plan. Raises InvalidInput."""
    wish = _mapping(wish, "chaos", {"fault", "params", *(setting.name for setting in CHAOS)})
    fault = wish.get("fault") or "kill"
    if fault not in FAULTS:
        raise _wrong(
            "fault",
            _("“%(fault)s” cannot be limited to nodes: choose one of %(all)s.")
            % {"fault": str(fault)[:40], "all": ", ".join(FAULTS)},
        )
    params = _mapping(wish.get("params"), "params", {setting.name for setting in FAULTS[fault]})
    numbers = _numbers(wish, CHAOS)
    return Chaos(fault=fault, params=_numbers(params, FAULTS[fault]), **{**numbers, "nodes": int(numbers["nodes"])})


def _mapping(wish: Any, name: str, allowed: set[str]) -> dict[str, Any]:
    if wish is None or wish is True or wish == "":
        return {}
    if not isinstance(wish, Mapping):
        raise _wrong(name, _("The settings of “%(name)s” are not a mapping.") % {"name": name})
    if unknown := set(wish) - allowed:
        names = ", ".join(sorted(map(str, unknown)))[:60]
        raise _wrong(name, _("“%(name)s” has no setting “%(unknown)s”.") % {"name": name, "unknown": names})
    return dict(wish)


def _numbers(wish: Mapping[str, Any], settings: tuple[Setting, ...]) -> dict[str, float]:
    values = {}
    for setting in settings:
        raw = wish.get(setting.name)
        if raw is None or raw == "":
            values[setting.name] = setting.default
            continue
        try:
            value = float(str(raw))
        except ValueError as error:
            raise _wrong(
                setting.name, _("“%(value)s” is no number (%(name)s).") % {"value": str(raw)[:40], "name": setting.name}
            ) from error
        if not setting.low <= value <= setting.high or (setting.name in WHOLE and value != int(value)):
            raise _wrong(
                setting.name,
                _("%(name)s must be from %(low)g to %(high)g.")
                % {"name": setting.name, "low": setting.low, "high": setting.high},
            )
        values[setting.name] = value
    return values


def _wrong(name: str, text: str) -> InvalidInput:
    return InvalidInput(text, field=name)
