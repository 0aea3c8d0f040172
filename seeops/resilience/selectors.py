"""Reads about experiments: what is known before a start, what the topology predicts, how runs went."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from seeops.alerts import selectors as alerts
from seeops.alerts.models import Severity
from seeops.cluster import door, occupied
from seeops.core.errors import Conflict, Unavailable
from seeops.inventory import selectors as inventory
from seeops.inventory.models import NodeState
from seeops.releases import states as release_states
from seeops.releases.models import Release
from seeops.resilience import guard, prediction, process
from seeops.resilience.catalogue import Experiment
from seeops.resilience.models import VALID, ExperimentRun, SafetyLever
from seeops.topology import selectors as topology
from seeops.topology.impact import ImpactReport, impact
from seeops.topology.snapshot import Snapshot


def runs() -> QuerySet[ExperimentRun]:
    return ExperimentRun.objects.select_related("started_by").defer("document", "prediction")


def active_runs() -> QuerySet[ExperimentRun]:
    return runs().filter(active=True)


def lever() -> SafetyLever | None:
    """The newest pull or release; None when nobody ever touched it."""
    return SafetyLever.objects.select_related("person").first()


def why_occupied() -> list[str]:
    """Reasons for others to leave the cluster alone."""
    found = lever()
    reasons = [_("The safety lever is pulled: release it first.")] if found is not None and found.pulled else []
    running = active_runs().values_list("number", flat=True)
    return reasons + [_("%(run)s is running: wait until it has ended.") % {"run": number} for number in running]


def last_runs() -> dict[str, ExperimentRun]:
    """The newest run of each experiment by code."""
    newest = ExperimentRun.objects.values("code").annotate(pk=Max("pk")).values("pk")
    return {run.code: run for run in runs().filter(pk__in=newest)}


def session_phase() -> str:
    """The phase of the trading session; empty when it is not known."""
    try:
        found = door.session()
        return str(found.get("segment") or found.get("phase", ""))
    except Unavailable:
        return ""


def body(experiment: Experiment) -> dict[str, Any]:
    """The experiment file as it is now. Raises Conflict when it changed since it was checked."""
    content = Path(experiment.path).read_bytes()
    if hashlib.sha256(content).hexdigest() != experiment.digest:
        raise Conflict(_("The file of %(code)s was just changed: look at it again.") % {"code": experiment.code})
    found: dict[str, Any] = json.loads(content)
    return found


def facts(experiment: Experiment, *, on_behalf: str = "") -> guard.Facts:
    """What the guard needs to know at this moment. `on_behalf`: the release whose gate asks; it is no obstacle to itself."""
    declared = experiment.declared
    found = prediction.hits(experiment.steps)
    pulled = lever()
    whole = _whole_centres(found)
    members = list(inventory.active_nodes().values_list("name", "service__name", "centre__code", "state_now", "shard"))
    return guard.Facts(
        lever_pulled=pulled is not None and pulled.pulled,
        running=[run.number for run in active_runs()],
        occupied=occupied.by_others("experiments"),
        releases_on_targets=_releases(set(declared["services"]), everything=bool(whole), but=on_behalf),
        critical_alerts=[str(group) for group in alerts.open_groups().filter(severity=Severity.CRITICAL)[:5]],
        cluster_answers=bool(session_phase()),
        cells=_cells(found, members),
        shards=_shards(found, members, whole),
        max_nodes=declared["max_nodes"],
        whole_centres=whole,
        nodes_in_whole_centres=sum(centre in whole for _, _, centre, _, _ in members),
        centres_total=inventory.centres().count(),
        centres_down=[centre.code for centre in inventory.freshness().silent],
    )


Member = tuple[str, str, str, str, int | None]


def _whole_centres(found: Sequence[prediction.Hit]) -> list[str]:
    return sorted({hit.centre for hit in found if hit.kind.startswith("centre-")})


def _cells(found: Sequence[prediction.Hit], members: Sequence[Member]) -> list[guard.Cell]:
    """Every service and centre that the steps hit, with how many of its nodes at once."""
    needed = inventory.needed()
    cells = []
    for (service, centre), taken in _counts(found, members).items():
        states = [state for _, name, place, state, _ in members if (name, place) == (service, centre)]
        serving = sum(state == NodeState.UP for state in states)
        cells.append(guard.Cell(service, centre, len(states), serving, needed.get((service, centre), 0), taken))
    return cells


def _counts(found: Sequence[prediction.Hit], members: Sequence[Member]) -> dict[tuple[str, str], int]:
    """How many nodes of each service and centre the steps hit, all steps together."""
    counts: dict[tuple[str, str], int] = {}
    for hit in found:
        if hit.nodes:
            for name, service, centre, _, _ in members:
                if name in hit.nodes:
                    counts[service, centre] = counts.get((service, centre), 0) + 1
        elif hit.service:
            total = sum((service, centre) == (hit.service, hit.centre) for _, service, centre, _, _ in members)
            taken = max(1, round(hit.fraction * total)) if hit.fraction else total
            counts[hit.service, hit.centre] = min(total, counts.get((hit.service, hit.centre), 0) + taken)
    return counts


def _shards(found: Sequence[prediction.Hit], members: Sequence[Member], whole: Sequence[str]) -> list[guard.ReplicaSet]:
    """Shards that would lose replicas: how many they have, how many of them are up, how many are hit."""
    replicas: dict[int, list[tuple[str, bool]]] = {}
    for _name, _service, centre, state, shard in members:
        if shard is not None:
            replicas.setdefault(shard, []).append((centre, state == NodeState.UP))
    rows = []
    for shard, own in sorted(replicas.items()):
        hit = {hit.centre or "?" for hit in found if hit.shard == shard} | {c for c, _ in own if c in whole}
        if hit:
            rows.append(guard.ReplicaSet(shard, len(own), sum(up for _, up in own), len(hit)))
    return rows


def _releases(services: set[str], *, everything: bool, but: str = "") -> list[str]:
    running = Release.objects.filter(state__in=release_states.ACTIVE).exclude(number=but)
    if not everything:
        running = running.filter(parts__service__name__in=services).distinct()
    return list(running.values_list("number", flat=True))


def predict(experiment: Experiment) -> tuple[dict[str, Any], str]:
    """What the topology expects of the experiment, with its digest: (the impact report if everything that is hit had to
    leave, and effect, breaks, hits, touched, overloads; sha256)."""
    found = prediction.hits(experiment.steps)
    snapshot = topology.snapshot()
    lost = _report(snapshot, [hit for hit in found if hit.takes])
    without = _report(snapshot, found)
    surges = [hit for hit in found if hit.factor != 1.0]
    overloads = prediction.overloads(snapshot, _offered(), surges) if surges else []
    effect = prediction.effect(found, lost=lost.breaks, lost_without_hit=without.breaks, overloaded=bool(overloads))
    if snapshot.unknown_nodes > prediction.MOST_UNSEEN * len(snapshot.nodes):
        effect = prediction.Effect.UNKNOWN
    report: dict[str, Any] = {
        **without.as_dict(),
        "effect": effect.value,
        "breaks": effect == prediction.Effect.LOSS,
        "taken_away": lost.nodes_taken,
        "hits": [asdict(hit) for hit in found],
        "touched": prediction.touched(snapshot, found, _counts(found, _known(snapshot))),
        "overloads": [asdict(overload) for overload in overloads],
    }
    return report, prediction.digest(report)


def _known(snapshot: Snapshot) -> list[Member]:
    state = {True: NodeState.UP.value, False: NodeState.DOWN.value}
    return [(node.name, node.service, node.centre, state[node.serving], node.shard) for node in snapshot.nodes]


def _report(snapshot: Snapshot, found: Sequence[prediction.Hit]) -> ImpactReport:
    """The impact if what is hit were lost. Names that the inventory does not have yet are refused by the guard."""
    members = _known(snapshot)
    services = {service for _, service, _, _, _ in members}
    counts = {place: count for place, count in _counts(found, members).items() if place[0] in services}
    replicas = []
    for hit in found:
        if hit.shard is not None:
            own = [node for node in snapshot.nodes if node.shard == hit.shard]
            own = [node for node in own if not hit.centre or node.centre == hit.centre]
            replicas += [node.name for node in own[:1]]
    return impact(snapshot, nodes=replicas, centres=_whole_centres(found), counts=counts)


def _offered() -> dict[str, float]:
    """Requests per second by chain that customers send now; empty (then peaks count) when it is not known."""
    try:
        return door.load_status().get("offered_rate", {})
    except Unavailable:
        return {}


def injected_at(run: ExperimentRun) -> dt.datetime | None:
    """When the first fault went in, from the run's own events."""
    for event in process.lines(run, "events.jsonl"):
        if event["kind"] == "action-started":
            return dt.datetime.fromtimestamp(event["at"], dt.UTC)
    return None


@dataclass(frozen=True)
class Coverage:
    """A family of faults: its experiments, and the newest run with a valid verdict."""

    family: str
    codes: list[str]
    last_valid: ExperimentRun | None


def coverage(experiments: dict[str, Experiment]) -> list[Coverage]:
    """Which families of faults were tested, and how long ago."""
    valid: dict[str, ExperimentRun] = {}
    for run in runs().filter(outcome__in=VALID).order_by("id"):
        valid[run.code] = run
    families: dict[str, list[str]] = {}
    for code, entry in experiments.items():
        for family in entry.declared["families"]:
            families.setdefault(family, []).append(code)
    return [
        Coverage(
            family, codes, max((valid[code] for code in codes if code in valid), key=lambda run: run.pk, default=None)
        )
        for family, codes in sorted(families.items())
    ]
