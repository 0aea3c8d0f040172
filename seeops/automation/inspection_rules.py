"""What of a node's facts deserves a look: one rule for each subject. Pure.

Facts come from the node itself (see the agent's `inspection`). What is missing in an answer is a finding of its own: it is unknown,
never good. Thresholds stand here, with why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


def _(text: str) -> str:
    """Marks a sentence for the catalogues; it is stored in English and translated for its reader (see core.sentences)."""
    return text


# Orders are stamped to the millisecond and the exchange's clock is the judge: a tenth of a second makes sequences doubtful, a whole
# one makes them wrong.
CLOCK_ATTENTION_S, CLOCK_BAD_S = 0.1, 1.0
# A day's logs and one more release must fit; a full disk stops the journal of actions.
DISK_ATTENTION, DISK_BAD = 0.10, 0.05
MEMORY_ATTENTION, MEMORY_BAD = 0.80, 0.95
# Above this a queue grows without bound at the open, when the rate triples.
BUSY = 0.90
RECENT_S = 600.0
MANY_STARTS = 5
MANY_ERRORS = 5
# A digest that fewer than this part of a service's nodes have is the odd one out.
ODD_SHARE = 0.20
FEWEST_PEERS = 4


@dataclass(frozen=True)
class Found:
    """One finding before it is stored. `severity` is bad, unknown or attention; `text` an English sentence without its subject;
    `detail` tells apart several findings that a check may have about one subject."""

    severity: str
    check: str
    subject: str
    text: str
    kind: str = "node"
    detail: str = ""

    @property
    def fingerprint(self) -> str:
        return f"{self.check}:{self.kind}:{self.subject}:{self.detail}"


@dataclass(frozen=True)
class Asked:
    """A node and what became of the question: `status` is ok, failed, unreachable or silent; `facts` what it said."""

    name: str
    service: str
    status: str
    message: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Expected:
    """What the console knows of a node: version that the last release wanted, digest of the configuration that was last set."""

    version: str = ""
    configuration: str = ""
    configured_by: str = ""


Finding = tuple[str, str]
Rule = Callable[[Mapping[str, Any], Expected], Iterator[Finding]]


def state(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    found = facts["state"]
    if found in ("drained", "draining", "starting"):
        yield "attention", _("is %(state)s") % {"state": found}
    elif found != "up":
        yield "bad", _("is %(state)s") % {"state": found}


def version(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    runs, current, staged = facts["version"], facts["current"], facts["staged"]
    if runs != current:
        yield "bad", _("the process runs %(runs)s, %(current)s is current") % {"runs": runs, "current": current}
    elif expected.version and runs != expected.version:
        yield "bad", _("runs %(runs)s, %(wanted)s is wanted") % {"runs": runs, "wanted": expected.version}
    elif expected.version and expected.version not in staged:
        yield "bad", _("the package of %(wanted)s is not on the node") % {"wanted": expected.version}


def files(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    found = facts["files"]
    if found["problem"]:
        yield "bad", str(found["problem"])
    elif found["damaged"]:
        yield "bad", _("files differ from the package: %(files)s") % {"files": ", ".join(found["damaged"][:5])}


def configuration(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    found = facts["config"]
    if found["problem"]:
        yield "bad", _("the next start would refuse its configuration: %(why)s") % {"why": found["problem"]}
    elif found["file_digest"] != found["loaded_digest"]:
        yield "attention", _("its configuration file was edited by hand: the process has read another one")
    elif expected.configuration and found["loaded_digest"] != expected.configuration:
        yield (
            "attention",
            _("its configuration is not the one that %(change)s set") % {"change": expected.configured_by},
        )


def clock(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    offset, within = float(facts["clock"]["offset_s"]), float(facts["clock"]["within_s"])
    certain = abs(offset) - within
    if certain > CLOCK_ATTENTION_S:
        severity = "bad" if certain > CLOCK_BAD_S else "attention"
        yield severity, _("its clock is %(offset)+.2f s off") % {"offset": offset}


def disk(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    total, free = facts["disk"]["total_bytes"], facts["disk"]["free_bytes"]
    share = free / total if total else 0.0
    if share < DISK_ATTENTION:
        severity = "bad" if share < DISK_BAD else "attention"
        yield (
            severity,
            _("%(share).1f %% of its disk is free (%(gib).1f GiB)") % {"share": share * 100, "gib": free / 2**30},
        )


def memory(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    used, limit = facts["memory"]["bytes"], facts["memory"]["limit_bytes"]
    share = used / limit if limit else 1.0
    if share > MEMORY_ATTENTION:
        severity = "bad" if share > MEMORY_BAD else "attention"
        yield severity, _("its process takes %(share).0f %% of its memory limit") % {"share": share * 100}


def queue(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    found = facts["queue"]
    if found["shed_ratio"] > 0:
        yield "bad", _("turns away %(share).1f %% of its requests") % {"share": found["shed_ratio"] * 100}
    elif found["utilisation"] > BUSY:
        yield "attention", _("is busy to %(share).0f %%, requests wait %(ms).0f ms") % {
            "share": found["utilisation"] * 100, "ms": found["waiting_ms"],
        }  # fmt: skip
    elif facts["state"] == "up" and not found["in_rotation"]:
        yield "attention", _("is up, but no balancer sends it anything")


def process(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    age, starts = facts["process"]["age_s"], facts["process"]["starts"]
    if starts > MANY_STARTS:
        yield "attention", _("its process has started %(n)d times") % {"n": starts}
    elif starts > 1 and age is not None and age < RECENT_S:
        yield "attention", _("its process was restarted %(s)d s ago") % {"s": age}


def journal(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    unfinished = facts["journal"]["unfinished"]
    if unfinished:
        yield "bad", _("an action was begun and not finished: %(keys)s") % {"keys": ", ".join(unfinished[:3])}


def log(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    errors = facts["log"]["tail_errors"]
    if errors >= MANY_ERRORS:
        yield "attention", _("%(n)d of its last %(lines)d log lines are errors") % {
            "n": errors, "lines": facts["log"]["tail_lines"],
        }  # fmt: skip


def faults(facts: Mapping[str, Any], expected: Expected) -> Iterator[Finding]:
    if facts["faults"]:
        yield "attention", _("a fault is in force: %(kinds)s") % {"kinds": ", ".join(sorted(set(facts["faults"])))}


RULES: Mapping[str, Rule] = {
    "state": state, "version": version, "files": files, "configuration": configuration, "clock": clock, "disk": disk,
    "memory": memory, "queue": queue, "process": process, "journal": journal, "log": log, "faults": faults,
}  # fmt: skip


def node(asked: Asked, expected: Expected) -> list[Found]:
    """Everything about one node that deserves a look."""
    if asked.status != "ok":
        text = _("did not answer: %(why)s") % {"why": asked.message} if asked.message else _("reported nothing")
        return [Found("unknown", "answer", asked.name, text[:400])]
    found = []
    for name, rule in RULES.items():
        try:
            found += [Found(severity, name, asked.name, text[:400]) for severity, text in rule(asked.facts, expected)]
        except (KeyError, TypeError, ValueError) as error:
            text = _("does not say what is asked: %(what)s") % {"what": f"{type(error).__name__} {error}"}
            found.append(Found("unknown", name, asked.name, text[:400]))
    return found


def peers(asked: Sequence[Asked], expected: Mapping[str, Expected]) -> list[Found]:
    """Nodes whose configuration differs from that of nearly all nodes of their service, where nothing says what it should be."""
    digests: dict[str, dict[str, str]] = {}
    for one in asked:
        digest = one.facts.get("config", {}).get("loaded_digest") if one.status == "ok" else None
        if digest:
            digests.setdefault(one.service, {})[one.name] = digest
    found = []
    for service, of in digests.items():
        counts = Counter(of.values())
        for name, digest in of.items():
            told = expected.get(name, Expected())
            if not told.configuration and len(of) >= FEWEST_PEERS and counts[digest] / len(of) < ODD_SHARE:
                text = _("%(same)d of %(all)d nodes of %(service)s are configured like it") % {
                    "same": counts[digest], "all": len(of), "service": service,
                }  # fmt: skip
                found.append(Found("attention", "peers", name, text))
    return found


def standings(found: Iterable[Found], before: Iterable[Found]) -> tuple[list[tuple[Found, str]], list[Found]]:
    """(each finding with new or still, findings of before that are gone). What cannot be looked at now is not gone: a node that does
    not answer keeps its findings open, and so does an estate check that broke."""
    now, earlier = list(found), {item.fingerprint: item for item in before}
    blind = {item.subject for item in now if item.check == "answer"}
    broken = {item.check for item in now if item.severity == "unknown" and item.kind == "estate"}
    present = {item.fingerprint for item in now}
    marked = [(item, "still" if item.fingerprint in earlier else "new") for item in now]
    gone = [
        item for fingerprint, item in earlier.items()
        if fingerprint not in present and item.subject not in blind and item.check not in broken
    ]  # fmt: skip
    return marked, gone


def verdict(found: Iterable[Found], *, complete: bool) -> str:
    """bad, unknown, attention or good: good only when everything was looked at and nothing was found."""
    severities = {item.severity for item in found}
    if "bad" in severities:
        return "bad"
    if "unknown" in severities or not complete:
        return "unknown"
    return "attention" if severities else "good"
