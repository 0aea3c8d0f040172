"""What may never happen once, whoever changed what: lost and doubled orders, gaps in sequences, replicas that differ. Pure.

These are thresholds, not statistics: a single count fails the batch, and no correction for several tests softens it. They are
counted over the whole cluster, since an order that is lost names no culprit; a release that runs while one is lost ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from seeops.releases.compared import INTEGRITY, Finding

LOST, DUPLICATE, AUDITS = "trading_client_lost_total", "trading_client_duplicate_total", "trading_client_audits_total"
#: Counter → (what it counts, whether every cluster has it). One that only some have is judged where it was seen.
COUNTERS: dict[str, tuple[str, bool]] = {
    LOST: ("orders lost", True),
    DUPLICATE: ("orders executed twice", True),
    "trading_shard_state_hash_mismatch_total": ("replicas that differ", True),
    "trading_gateway_feed_gaps_total": ("gaps in the gateway's feed", False),
    "trading_surveillance_missed_entries_total": ("entries that surveillance missed", False),
}


def findings(grown: Mapping[str, float | None]) -> list[Finding]:
    """One finding per counter. Lost and doubled orders are known only where customers' books were compared meanwhile."""
    audited = grown.get(AUDITS)
    found = []
    for counter, (title, everywhere) in COUNTERS.items():
        count = grown.get(counter)
        if count is None and not everywhere:
            continue
        found.append(_finding(title, count, audited if counter in (LOST, DUPLICATE) else 1.0))
    return found


def _finding(title: str, count: float | None, audited: float | None) -> Finding:
    base = {"metric": title, "margin": 0.0, "bound": 1.0, "unit": "count", "kind": INTEGRITY}
    if count is None:
        return Finding(text="not known: the cluster does not tell", **base)
    if count < 0.5 and not audited:
        return Finding(text="not known: no customer's book was compared in these minutes", **base)
    # The limits of a count without error are the count itself.
    return Finding(
        text=f"{count:.0f} in these minutes", changed=count, peers=0.0, effect=count, low=count, high=count,
        p=0.0 if count >= 0.5 else 1.0, **base,
    )  # fmt: skip
