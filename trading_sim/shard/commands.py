"""`python -m trading_sim shard takeover`: the remote site goes on alone when both others are gone for good.

`python -m trading_sim shard handover`: a planned switch of the lead to another centre, and back the same way.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

from trading_sim.shard.journal import recover
from trading_sim.shard.snapshots import load_newest_snapshot
from trading_sim.sim.real import RealFiles

TIMEOUT_S = 10.0


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """The subcommands of `shard`."""
    parser = subparsers.add_parser("shard", help="move the lead of shards between centres")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    takeover = actions.add_parser(
        "takeover",
        help="let one centre's replicas go on alone",
        description="Lets the replicas of one centre go on alone, as a majority by themselves. Only when both other centres are gone for "
        "good and switched off: what they acknowledged and this centre does not hold is lost, and they must not come back with their "
        "old directories. Each replica refuses while it hears another one.",
    )
    takeover.add_argument("--endpoints", type=Path, required=True, help="endpoints.json of the cluster")
    takeover.add_argument("--centre", required=True, help="the centre that goes on")
    takeover.add_argument("--confirm", required=True, help="the centre's name again: this cannot be undone")
    takeover.add_argument("--owner", required=True, help="who decided")
    takeover.add_argument("--reason", required=True, help="why, for the log")
    takeover.add_argument("--shard", type=int, action="append", help="only this shard; may be given several times")
    takeover.add_argument(
        "--acknowledged",
        type=int,
        metavar="INDEX",
        help="the last journal index that a client knows to be acknowledged (one shard)",
    )
    takeover.add_argument(
        "--lost-journals",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="directory of a lost replica, if readable",
    )
    takeover.add_argument("--json", action="store_true", help="machine-readable answer")
    takeover.set_defaults(run=take_over)
    handover = actions.add_parser(
        "handover",
        help="have one centre's replicas lead, in an orderly way",
        description="Asks the present leaders to hand their lead to the replicas of one centre. Each refuses when that replica is behind, "
        "silent or under repair, or when no majority is reached; nothing is lost and orders wait for one exchange of messages.",
    )
    handover.add_argument("--endpoints", type=Path, required=True, help="endpoints.json of the cluster")
    handover.add_argument("--to", required=True, help="the centre that leads afterwards")
    handover.add_argument("--owner", required=True, help="who decided")
    handover.add_argument("--reason", required=True, help="why, for the log")
    handover.add_argument("--shard", type=int, action="append", help="only this shard; may be given several times")
    handover.add_argument("--json", action="store_true", help="machine-readable answer")
    handover.set_defaults(run=hand_over)


def hand_over(arguments: argparse.Namespace) -> int:
    """Move every shard asked for; 0 when all of them are led from that centre now."""
    shards = json.loads(arguments.endpoints.read_text(encoding="utf-8"))["shards"]
    chosen = [str(shard) for shard in arguments.shard] if arguments.shard else sorted(shards, key=int)
    results = [_move(arguments, shard, shards.get(shard, {})) for shard in chosen]
    if arguments.json:
        print(json.dumps(results))
    else:
        for result in results:
            print(f"shard {result['shard']}: {result['detail']}")
    return 0 if all("error" not in result for result in results) else 1


def _move(arguments: argparse.Namespace, shard: str, places: dict) -> dict:
    told = {"shard": int(shard)}
    statuses = {name: _call(f"{place['http']}/status", None) for name, place in places.items()}
    leaders = [name for name, status in statuses.items() if status.get("role") == "leader"]
    if len(leaders) != 1:
        return told | {"error": "no_leader", "detail": f"{len(leaders)} replicas lead: restore the shard first."}
    if leaders[0] == arguments.to:
        return told | {"replica": arguments.to, "detail": f"{arguments.to} leads already."}
    body = {
        "to": arguments.to,
        "term": statuses[leaders[0]]["term"],
        "owner": arguments.owner,
        "reason": arguments.reason,
    }
    answer = told | _call(f"{places[leaders[0]]['http']}/handover", body)
    if "error" in answer:
        return answer
    return answer | {"detail": f"{leaders[0]} handed over to {arguments.to} within {answer['seconds']} s."}


def _call(url: str, body: dict | None) -> dict:
    """The JSON answer, or what went wrong as {"error", "detail"}."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310 - the cluster's own address
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.loads(answer.read(1 << 20))
    except urllib.error.HTTPError as refused:
        return json.loads(refused.read(1 << 20))
    except OSError as error:
        return {"error": "unreachable", "detail": f"{url} does not answer: {error}"}


def take_over(arguments: argparse.Namespace) -> int:
    """Take over every shard asked for; 0 when all of them went over."""
    for directory in arguments.lost_journals:
        if not (directory / "journal").is_dir():  # said before anything is taken over, which cannot be undone
            print(
                f"shard takeover: {directory} is not the directory of a replica: it holds no journal.", file=sys.stderr
            )
            return 2
    endpoints = json.loads(arguments.endpoints.read_text(encoding="utf-8"))["shards"]
    chosen = [str(shard) for shard in arguments.shard] if arguments.shard else sorted(endpoints, key=int)
    results = [_one(arguments, shard, endpoints.get(shard, {}).get(arguments.centre)) for shard in chosen]
    if arguments.json:
        print(json.dumps(results))
    else:
        for result in results:
            print(_told(result))
    return 0 if all("error" not in result for result in results) else 1


def _one(arguments: argparse.Namespace, shard: str, place: dict | None) -> dict:
    if place is None:
        return {
            "shard": int(shard),
            "error": "unknown",
            "detail": f"No shard {shard} has a replica in {arguments.centre}.",
        }
    body = {"confirm": arguments.confirm, "owner": arguments.owner, "reason": arguments.reason}
    result = _call(f"{place['http']}/takeover", body)
    if "error" in result:
        return {"shard": int(shard)} | result
    return result | stated_loss(result["last_durable_index"], arguments.acknowledged, arguments.lost_journals)


def stated_loss(held: int, acknowledged: int | None, journals: list[Path]) -> dict:
    """How many acknowledged entries are lost: exact from what clients know, at most so many from the journals of the lost replicas;
    None when neither can tell."""
    exact = max(0, acknowledged - held) if acknowledged is not None else None
    ends = [last_of(directory) for directory in journals]
    return {"lost_entries": exact, "lost_entries_at_most": max(0, max(ends) - held) if ends else exact}


def last_of(directory: Path) -> int:
    """The last entry that a replica's directory holds."""
    files = RealFiles()
    snapshot, _ = load_newest_snapshot(files, str(directory))
    base = snapshot.index if snapshot else 0
    entries = recover(files, str(directory / "journal"), base).entries
    return max(base, entries[-1].index if entries else 0)


def _told(result: dict) -> str:
    if "error" in result:
        return f"shard {result['shard']}: not taken over: {result['detail']}"
    lost, at_most = result["lost_entries"], result["lost_entries_at_most"]
    if lost is not None:
        loss = f"{lost} acknowledged entries are lost"
    elif at_most is not None:
        loss = f"at most {at_most} acknowledged entries are lost"
    else:
        loss = "how many acknowledged entries are lost is not known: compare with what clients were told"
    return (
        f"shard {result['shard']}: {result['replica']} goes on alone in term {result['term']} with entries up to "
        f"{result['last_durable_index']} (known acknowledged to {result['commit_known']}, announced to "
        f"{result['announced_index']}); {loss}."
    )
