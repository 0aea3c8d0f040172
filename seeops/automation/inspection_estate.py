"""What is looked at beside the nodes before the open: shards, redundancy, monitoring, calendar, session, work left half done.

Each check answers with findings; one that cannot look raises, and that it could not look becomes the finding: unknown, never good.
Apps above this one hand their checks in when they are loaded (`register`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import yaml
from django.utils.translation import gettext_noop as _

from seeops.automation.configuration_models import CHANGE_LIVE, CHANGE_REVERSIBLE
from seeops.automation.inspection_rules import Found
from seeops.automation.models import ConfigurationChange, Run, RunState
from seeops.changes.freezes import trading_calendar
from seeops.cluster import door
from seeops.core.clock import now, shanghai
from seeops.core.errors import SeeOpsError, Unavailable
from seeops.environment import BASE_DIR
from seeops.inventory import locks
from seeops.inventory import selectors as inventory
from seeops.inventory.redundancy import majority
from seeops.monitoring import prometheus
from seeops.monitoring import selectors as monitoring

log = logging.getLogger(__name__)
RULES = BASE_DIR / "dashboards" / "prometheus" / "rules"
JOBS = ("node", "centre", "shard", "load")
MOST_BEHIND = 2000
Check = Callable[[], list[Found]]


@dataclass(frozen=True)
class EstateCheck:
    """One check: `title` says in words what it looks at."""

    name: str
    title: str
    look: Check


_registered: dict[str, EstateCheck] = {}


def register(name: str, title: str, look: Check) -> None:
    """Add a check, for apps that this one cannot import. Called once, when the apps are ready."""
    _registered[name] = EstateCheck(name, title, look)


def checks() -> list[EstateCheck]:
    return [*_OWN, *_registered.values()]


def look() -> tuple[list[Found], dict[str, int]]:
    """(findings of all checks, how many each found)."""
    found: list[Found] = []
    counts: dict[str, int] = {}
    for check in checks():
        try:
            mine = check.look()
        except SeeOpsError as error:
            mine = [_blind(check, str(error))]
        except Exception as error:
            # One check that breaks must not cost the whole report; it is told in the report and in the log.
            log.exception("estate check %s broke", check.name)
            mine = [_blind(check, f"{type(error).__name__}: {error}")]
        counts[check.name] = len(mine)
        found += mine
    return found, counts


def _blind(check: EstateCheck, why: str) -> Found:
    return Found(
        "unknown", check.name, check.name, (_("could not be looked at: %(why)s") % {"why": why})[:400], "estate"
    )


# --- centres, redundancy ------------------------------------------------------------------------------------------------


def centres() -> list[Found]:
    """Centres that have not answered the observer lately."""
    return [
        Found("unknown", "centres", centre.code, _("the data centre does not answer: %(why)s") % {"why": centre.problem or "–"}, "estate")
        for centre in inventory.freshness().silent
    ]  # fmt: skip


def redundancy() -> list[Found]:
    """Services that have fewer serving nodes than they need in a centre, or none to spare."""
    found = []
    for cell in inventory.cells():
        state = cell.state
        if state not in ("bad", "unknown", "attention"):
            continue
        words = {
            "bad": _("%(centre)s has %(serving)d of %(total)d nodes serving and needs %(needed)d"),
            "unknown": _("%(centre)s: %(serving)d of %(total)d nodes are known to serve, %(needed)d are needed"),
            "attention": _("%(centre)s: %(serving)d of %(total)d nodes serve, %(needed)d are needed"),
        }[state]
        told = {"centre": cell.centre, "serving": cell.serving, "total": cell.total, "needed": cell.needed}
        found.append(Found(state, "redundancy", f"{cell.service} {cell.centre}", words % told, "service"))
    return found


# --- shards ---------------------------------------------------------------------------------------------------------------


def shards() -> list[Found]:
    """Of each shard: a leader with a majority, every replica in step, and the same state wherever it can be compared."""
    with door.translated():
        everywhere = door.client(door.PAGE_TIMEOUT_S).shards()
    known = set(inventory.active_nodes().exclude(shard=None).values_list("shard", flat=True))
    if missing := sorted(known - {int(shard) for shard in everywhere}):
        raise Unavailable(f"the cluster tells no address of shard {', '.join(map(str, missing))}")
    found = []
    for shard, replicas in everywhere.items():
        status, silent = {}, []
        for centre in replicas:
            try:
                with door.translated():
                    status[centre] = door.client(door.PAGE_TIMEOUT_S).shard_status(shard, centre)
            except SeeOpsError:
                silent.append(centre)
        found += _shard(shard, len(replicas), status, silent)
    return found


def _shard(shard: str, replicas: int, status: Mapping[str, Mapping], silent: list[str]) -> list[Found]:
    name = f"shard {shard}"
    found = [_of_shard("unknown", f"{name} {centre}", "silent", _("the replica does not answer")) for centre in silent]
    leaders = [centre for centre, row in status.items() if row["role"] == "leader"]
    if len(leaders) != 1 or len(status) < majority(replicas):
        text = _("%(leaders)d leaders, %(n)d of %(all)d replicas answer") % {
            "leaders": len(leaders), "n": len(status), "all": replicas,
        }  # fmt: skip
        found.append(_of_shard("bad", name, "quorum", text))
    for centre, row in status.items():
        found += _replica(f"{name} {centre}", row)
    return found + _agreement(name, status)


def _of_shard(severity: str, subject: str, detail: str, text: str) -> Found:
    return Found(severity, "shards", subject, text[:400], "shard", detail)


def _replica(subject: str, row: Mapping) -> list[Found]:
    found = []
    if row["role"] == "failed":
        found.append(_of_shard("bad", subject, "failed", _("has failed: %(why)s") % {"why": row["failure"]}))
    elif row["repairing"]:
        found.append(_of_shard("attention", subject, "repair", _("is being repaired")))
    if row["hash_mismatches"]:
        found.append(_of_shard("bad", subject, "agreement", _("its state differs from the others'")))
    if row["faults"]:
        found.append(_of_shard("attention", subject, "fault", _("a fault is in force")))
    for peer, lag in row["lag"].items():
        if lag > MOST_BEHIND:
            text = _("%(peer)s is %(lag)d entries behind") % {"peer": peer, "lag": lag}
            found.append(_of_shard("attention", subject, f"lag {peer}", text))
    return found


def _agreement(name: str, status: Mapping[str, Mapping]) -> list[Found]:
    """Checkpoints at the same entry must carry the same hash."""
    hashes: dict[int, Counter[str]] = {}
    for row in status.values():
        point = row["checkpoint"]
        hashes.setdefault(point["index"], Counter())[point["hash"]] += 1
    if any(len(counts) > 1 for counts in hashes.values()):
        return [_of_shard("bad", name, "agreement", _("replicas have different states at the same entry"))]
    return []


# --- monitoring -------------------------------------------------------------------------------------------------------------


def targets() -> list[Found]:
    """Whether Prometheus reads every active node, and anything at all of the other jobs."""
    up = {sample.labels.get("job", ""): sample.value for sample in prometheus.query("sum by (job) (up)", max_age_s=0)}
    found = [
        Found("bad", "targets", job, _("Prometheus has no targets of this job"), "estate") for job in JOBS if job not in up
    ]  # fmt: skip
    active = inventory.active_nodes().count()
    if "node" in up and up["node"] < active:
        text = _("Prometheus reads %(up)d of %(all)d nodes") % {"up": up["node"], "all": active}
        found.append(Found("attention", "targets", "node", text, "estate", "few"))
    return found


def alert_rules() -> list[Found]:
    """Whether every alert rule of ours is loaded, and none fails."""
    loaded, missing = set(prometheus.alert_rules(max_age_s=0)), []
    for path in sorted(RULES.glob("*.yml")):
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            missing += [rule["alert"] for rule in group["rules"] if "alert" in rule and rule["alert"] not in loaded]
    found = []
    if missing:
        text = _("%(n)d alert rules are not loaded: %(names)s") % {"n": len(missing), "names": ", ".join(missing[:5])}
        found.append(Found("bad", "rules", "Prometheus", text, "estate"))
    failing = prometheus.value("sum(increase(prometheus_rule_evaluation_failures_total[5m]))", max_age_s=0)
    if failing:
        text = _("%(n)d evaluations of rules failed within five minutes") % {"n": failing}
        found.append(Found("bad", "rules", "Prometheus", text, "estate", "failing"))
    return found


# --- calendar, session, faults, work left over ---------------------------------------------------------------------------------


def calendar() -> list[Found]:
    """Whether it is known if today is a trading day."""
    day = shanghai(now()).date()
    if trading_calendar().trading(day) is None:
        text = _("the exchange has not announced whether %(day)s is a trading day: enter it in the calendar") % {
            "day": day
        }
        return [Found("attention", "calendar", "calendar", text, "estate")]
    return []


def session() -> list[Found]:
    """Whether the market's session is known at all."""
    found = monitoring.session()
    if found.state == "unknown":
        raise Unavailable(found.problem or "the load does not say which phase the market is in")
    return []


def faults() -> list[Found]:
    """Faults, surges and levels that are still in force: left over from experiments."""
    owners = Counter((fault["kind"], str(fault.get("owner", ""))) for fault in door.faults())
    return [
        Found("attention", "faults left", f"{kind} {owner}"[:80], _("%(n)d in force") % {"n": n}, "estate")
        for (kind, owner), n in owners.items()
    ]  # fmt: skip


def half_done() -> list[Found]:
    """Configuration changes that stopped in the middle, and runs whose outcome nobody knows."""
    found = []
    open_still = ConfigurationChange.objects.filter(state__in=(*CHANGE_LIVE, *CHANGE_REVERSIBLE)).exclude(state="done")
    for change in open_still:
        text = _("is %(state)s: finish it or roll it back") % {"state": change.state}
        found.append(Found("attention", "half done", change.number, text, "estate"))
    for number in Run.objects.filter(state=RunState.RUNNING, changes_nodes=True).values_list("number", flat=True)[:20]:
        found.append(Found("attention", "half done", number, _("is still changing nodes"), "estate"))
    return found


def locks_left() -> list[Found]:
    """Locks whose time has run out: whoever held them is gone, and may have left work half done."""
    owners = Counter(locks.held().filter(holder__expires_at__lt=now()).values_list("holder__owner", flat=True))
    return [
        Found("attention", "locks", owner, _("left %(n)d locks that have expired") % {"n": n}, "estate")
        for owner, n in owners.items()
    ]  # fmt: skip


_OWN = (
    EstateCheck("centres", _("Every data centre answers"), centres),
    EstateCheck("redundancy", _("Every service has the nodes it needs, and some to spare"), redundancy),
    EstateCheck("shards", _("Every shard has a quorum and its replicas agree"), shards),
    EstateCheck("targets", _("Prometheus reads every node"), targets),
    EstateCheck("rules", _("Every alert rule is loaded and works"), alert_rules),
    EstateCheck("calendar", _("Today is a known day of the calendar"), calendar),
    EstateCheck("session", _("The phase of the session is known"), session),
    EstateCheck("faults left", _("No fault of an experiment is left in force"), faults),
    EstateCheck("locks", _("No lock is left over"), locks_left),
    EstateCheck("half done", _("No configuration change is half done"), half_done),
)
