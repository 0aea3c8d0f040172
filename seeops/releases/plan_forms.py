"""What a person has entered into the plan form: rows of services, options, and the wishes they mean.

The form is one address: every preview, added or removed row and reload reads the same fields, so nothing is lost between them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from seeops.changes.models import ChangeTicket, Reversibility
from seeops.core.errors import InvalidInput
from seeops.inventory.models import Service, Version
from seeops.releases import batches
from seeops.releases.gates.options import CHAOS, FAULTS, Setting
from seeops.releases.planning import MOST_FLOW_SHARE, MOST_PARTS, PartWish

ORDERS = (
    (batches.SPREAD, gettext_lazy("every batch over all centres, the standby first")),
    (batches.CENTRES, gettext_lazy("one centre after the other: remote, same city, production")),
)
LOCKS = (
    ("fail", gettext_lazy("do not start: say who holds them")),
    ("queue", gettext_lazy("wait for them, then start")),
)
CHAOS_LABELS = {
    "nodes": gettext_lazy("Nodes that get the fault"),
    "duration_s": gettext_lazy("The fault lasts"),
    "recovery_s": gettext_lazy("Time for recovery"),
    "success": gettext_lazy("Share of requests that must succeed then"),
    "wait_s": gettext_lazy("Wait for the right moment at most"),
    "period_s": gettext_lazy("Time between crashes"),
    "ms": gettext_lazy("Added to each request"),
    "ratio": gettext_lazy("Share of a processor that is taken"),
    "fraction": gettext_lazy("Share of the workers that is taken"),
}


@dataclass(frozen=True)
class Row:
    """One service of the form. `number` counts from 1; `suffix` makes the ids of its fields."""

    number: int
    service: Service | None
    version: str
    expression: str
    reversibility: str
    order: str
    short: bool
    versions: Sequence[Version] = ()

    @property
    def suffix(self) -> str:
        return "" if self.number == 1 else f"-{self.number}"

    @property
    def unusual(self) -> bool:
        """Whether the centres are treated in another way than usual: then these fields are shown open."""
        return self.short or self.order != batches.SPREAD

    @property
    def wish(self) -> PartWish:
        if self.service is None:
            raise InvalidInput(_("Choose the service."), field="service")
        # The usual batches are a wish: for a small service the empty ones among them are left out.
        expression = "" if self.expression == batches.DEFAULT_EXPRESSION else self.expression
        return PartWish(
            self.service, self.version, expression, reversibility=self.reversibility, order=self.order, short=self.short
        )


@dataclass(frozen=True)
class PlanForm:
    """The whole form. `ticket` None: none is chosen yet. Numbers are kept as they were typed until `inputs` reads them."""

    ticket: ChangeTicket | None
    offered: Sequence[Service]
    rows: Sequence[Row]
    soak_s: str
    drain: bool
    locks: str
    differ_min: str
    most_flow: str
    budget: str
    fault: str = ""
    fault_settings: Mapping[str, str] = field(default_factory=dict)
    declared: str = ""

    @property
    def more(self) -> bool:
        """Whether the ticket names a service that is not in the form yet."""
        return len(self.rows) < min(len(self.offered), MOST_PARTS)

    @property
    def ready(self) -> bool:
        """Whether every row says what it wants, so that a plan can be shown."""
        return bool(self.rows) and all(row.service and row.version for row in self.rows)

    @property
    def replicated(self) -> bool:
        """Whether a row carries shards: then its version must pass the shadow gate."""
        return any(row.service is not None and row.service.replicated for row in self.rows)

    @property
    def chaos_settings(self) -> list[tuple[Setting, str, str]]:
        """The numbers of the chaos gate: each with its label and what was entered or is usual."""
        wanted = (*CHAOS, *FAULTS.get(self.fault, ()))
        return [
            (setting, str(CHAOS_LABELS[setting.name]), self.fault_settings.get(setting.name) or f"{setting.default:g}")
            for setting in wanted
        ]

    @property
    def unusual(self) -> bool:
        """Whether an option differs from what is usual: then the options are shown open."""
        usual = (True, "fail", "", _percent(MOST_FLOW_SHARE), "0")
        chosen = (self.drain, self.locks, self.differ_min, self.most_flow, self.budget)
        return bool(self.fault or self.declared) or chosen != usual

    def inputs(self) -> dict[str, Any]:
        """Arguments for planning.draft and services.release_plan. Raises InvalidInput."""
        differ = (
            _number(self.differ_min, "versions_differ_at_most_s", _("The permitted difference"))
            if self.differ_min
            else None
        )
        return {
            "parts": [row.wish for row in self.rows],
            "soak_s": _number(self.soak_s, "soak_s", _("The soak time")),
            "drain": self.drain,
            "lock_policy": self.locks,
            "versions_differ_at_most_s": None if differ is None else differ * 60,
            "most_flow_share": _number(self.most_flow, "most_flow_share", _("The flow out of service")) / 100,
            "budget_share": _number(self.budget, "budget_share", _("The share of nodes that may be lost")) / 100,
            "gates": self._gates(),
        }

    def _gates(self) -> dict[str, Any]:
        wish: dict[str, Any] = {}
        if self.replicated and self.declared:
            wish["shadow"] = {"declared": self.declared}
        if self.fault:
            params = {setting.name for setting in FAULTS.get(self.fault, ())}
            entered = {name: value for name, value in self.fault_settings.items() if value}
            wish["chaos"] = {"fault": self.fault, **{name: entered[name] for name in entered.keys() - params}}
            wish["chaos"]["params"] = {name: entered[name] for name in entered.keys() & params}
        return wish


def read(data: QueryDict, ticket: ChangeTicket | None, *, posted: bool) -> PlanForm:
    """The form as `data` fills it. Without rows in it: one for each service that the ticket names."""
    offered = list(ticket.services.order_by("name")) if ticket else []
    return PlanForm(
        ticket=ticket,
        offered=offered,
        rows=_rows(data, offered),
        soak_s=data.get("soak_s") or "60",
        drain=bool(data.get("drain")) if posted or "soak_s" in data else True,
        locks=data.get("lock_policy") or "fail",
        differ_min=data.get("differ_min", "").strip(),
        most_flow=(data.get("most_flow") or _percent(MOST_FLOW_SHARE)).strip(),
        budget=(data.get("budget") or "0").strip(),
        fault=data.get("gate_fault", ""),
        fault_settings=_fault_settings(data),
        declared=data.get("gate_declared", "").strip(),
    )


def _fault_settings(data: QueryDict) -> dict[str, str]:
    """Numbers of the chaos gate that belong to the fault now chosen, as they were entered."""
    wanted = (*CHAOS, *FAULTS.get(data.get("gate_fault", ""), ()))
    return {setting.name: data.get(f"gate_{setting.name}", "").strip() for setting in wanted}


def _rows(data: QueryDict, offered: Sequence[Service]) -> list[Row]:
    by_name = {service.name: service for service in offered}
    names = data.getlist("service")
    entered = [
        Row(
            0, by_name.get(name), _at(data, "version", index), _at(data, "expression", index).strip(),
            _at(data, "reversibility", index) or Reversibility.AUTO, _at(data, "order", index) or batches.SPREAD,
            _at(data, "short", index) == "1",
        )
        for index, name in enumerate(names[:MOST_PARTS])
    ]  # fmt: skip
    removed = data.get("remove", "")
    if removed.isdigit() and 1 <= int(removed) <= len(entered):
        entered.pop(int(removed) - 1)
    if not names or not entered:
        entered = [_fresh(service) for service in offered[:MOST_PARTS]] or [_fresh(None)]
    elif data.get("add"):
        used = {row.service.name for row in entered if row.service}
        left = [service for service in offered if service.name not in used]
        entered += [_fresh(service) for service in left[:1]]
    return _numbered(entered)


def _fresh(service: Service | None) -> Row:
    """What is usual for replicas depends on their shards, so their batches are left empty."""
    usual = "" if service is not None and service.replicated else batches.DEFAULT_EXPRESSION
    return Row(0, service, "", usual, Reversibility.AUTO, batches.SPREAD, short=False)


def _numbered(rows: Sequence[Row]) -> list[Row]:
    """With their numbers and the versions to choose from, in one query."""
    wanted = [row.service.pk for row in rows if row.service]
    versions: dict[int, list[Version]] = {}
    for version in Version.objects.filter(service__in=wanted):
        versions.setdefault(version.service_id, []).append(version)
    return [
        Row(
            number, row.service, row.version, row.expression, row.reversibility, row.order, row.short,
            versions.get(row.service.pk, []) if row.service else [],
        )
        for number, row in enumerate(rows, start=1)
    ]  # fmt: skip


def _at(data: QueryDict, name: str, index: int) -> str:
    """The value of a row's field; rows that do not send it (an older page) have it empty."""
    values = data.getlist(name)
    return values[index] if index < len(values) else ""


def _number(text: str, name: str, what: str) -> int:
    if not text.strip().isdigit():
        raise InvalidInput(
            _("%(what)s is a whole number, not “%(text)s”.") % {"what": what, "text": text[:20]}, field=name
        )
    return int(text)


def _percent(share: float) -> str:
    return f"{share * 100:.0f}"
