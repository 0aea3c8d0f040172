"""The one door to the trading cluster: its client, its errors in the console's words, always with a time-out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from seeops.core.errors import Conflict, InvalidInput, RuleViolation, Unavailable
from trading_sim import client as cluster

TIMEOUT_S = 5.0
# A node's page waits this long for its agent before it shows what was last observed.
PAGE_TIMEOUT_S = 1.5

# Verb of the console → method of the node's agent.
METHODS = {
    "health": "health",
    "version": "version",
    "drain": "drain",
    "undrain": "undrain",
    "restart": "restart",
    "config": "config",
    "configure": "put_config",
    "check_config": "check_config",
    "stage": "stage",
    "switch": "switch",
    "log": "log",
    "diagnose": "diagnostics",
    "actions": "actions",
    "faults": "faults",
    "handover": "hand_over",
}

_clients: dict[float, tuple[tuple[str, int], cluster.ClusterClient]] = {}


class Unreached(Unavailable):
    """No answer in time: what was asked may or may not have happened."""

    code = "unreached"


def client(timeout_s: float = TIMEOUT_S) -> cluster.ClusterClient:
    """The cluster's client; read again when the cluster wrote its endpoints anew (it may have other ports)."""
    path = Path(settings.CLUSTER_ENDPOINTS)
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        written = 0
    stamp = (str(path), written)
    known = _clients.get(timeout_s)
    if known is None or known[0] != stamp:
        known = (stamp, cluster.ClusterClient(path, timeout_s=timeout_s))
        _clients[timeout_s] = known
    return known[1]


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the cluster's client as errors a person can read. Raises Unreached, Unavailable, Conflict, RuleViolation."""
    try:
        yield
    except cluster.EndpointsMissing as error:
        raise Unavailable(_("The trading cluster is not running: %(error)s.") % {"error": error}) from error
    except cluster.UnknownName as error:
        raise InvalidInput(_("The trading cluster does not know this name: %(error)s.") % {"error": error}) from error
    except cluster.StaleEpoch as error:
        raise Conflict(
            _("The node refused: somebody else has acted on it since (%(detail)s). Look at its history and try again.")
            % {"detail": error.detail},
            code="stale_epoch",
        ) from error
    except cluster.Refused as error:
        raise RuleViolation(
            _("The trading cluster refused: %(detail)s.") % {"detail": error.detail}, code=error.code
        ) from error
    except cluster.Unreachable as error:
        raise Unreached(str(error)) from error


def describe() -> dict[str, Any]:
    """The static topology. Needs no running cluster: without one, the cluster file that comes with it is read."""
    with translated():
        try:
            return client().describe()
        except cluster.EndpointsMissing:
            return cluster.ClusterClient(None).describe()


def endpoints() -> dict[str, Any]:
    """Addresses of the running cluster. Raises Unavailable when it was never started."""
    with translated():
        return client().endpoints


def call(node: str, verb: str, *, timeout_s: float = TIMEOUT_S, **params: Any) -> dict[str, Any]:
    """Have the agent of `node` do `verb` (see METHODS). Actions need key= and epoch=; see trading_sim.client.NodeAgent."""
    if verb not in METHODS:
        raise InvalidInput(_("“%(verb)s” is not something a node can do.") % {"verb": verb}, field="verb")
    with translated():
        answer: dict[str, Any] = getattr(client(timeout_s).agent(node), METHODS[verb])(**params)
    return answer


def nodes(centre: str) -> list[dict[str, Any]]:
    """The health of all nodes of a centre, in one call."""
    with translated():
        return client().nodes(centre)


def session() -> dict[str, Any]:
    """The trading session: day, phase, market time."""
    with translated():
        return client(PAGE_TIMEOUT_S).session()


def load_status() -> dict[str, Any]:
    """What customers do and see now: offered rates, counters, lanes."""
    with translated():
        return client(PAGE_TIMEOUT_S).load_status()


def faults() -> list[dict[str, Any]]:
    """Every fault, surge or level that is in force now, of centres, replicas and load, each with its owner."""
    with translated():
        found = list(client(PAGE_TIMEOUT_S).load_faults())
        for centre in client().endpoints["centres"]:
            found += client(PAGE_TIMEOUT_S).faults(centre)
        for shard, replicas in client().shards().items():
            for centre in replicas:
                found += client(PAGE_TIMEOUT_S).shard_faults(shard, centre)["faults"]
    return found


def end_level(owner: str) -> bool:
    """Drop the level that `owner` holds on the load, if it is still in force; true when it was. Can be repeated."""
    with translated():
        held = [fault for fault in client().load_faults() if fault["kind"] == "level" and fault["owner"] == owner]
        removed = [client().clear_load_fault(fault["lease"])["removed"] for fault in held]
    return any(removed)


SURVEILLANCE = frozenset(
    {
        "surveillance_status",
        "surveillance_cases",
        "surveillance_case",
        "close_surveillance_case",
        "restricted_accounts",
        "watched_account",
        "set_account_status",
        "account_action",
    }
)


def surveillance(call: str, *args: Any, **params: Any) -> Any:
    """Ask the cluster's market surveillance; `call` is a method of the client named in SURVEILLANCE."""
    if call not in SURVEILLANCE:
        raise ValueError(f"{call!r} is not a call of the surveillance")
    with translated():
        return getattr(client(), call)(*args, **params)
