"""The events behind a finding: what the accounts did in the symbol meanwhile, newest last, at most so many."""

from __future__ import annotations

from typing import Any

import numpy as np

from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.watch import ShardWatch

MOST_ROWS = 60
MARGIN_NS = 2 * 10**9
WORDS = {1: "placed", 3: "traded", 4: "cancelled", 5: "replaced"}


def evidence(watch: ShardWatch, finding: Finding) -> dict[str, Any]:
    """{rows, left_out}: rows are {time_ns, what, account, other, order_id, maker_id, side, price, qty}; `left_out` counts older ones."""
    parties, events, times = watch.recent_parties, watch.recent, watch.recent_times
    mine = np.isin(parties["account"], finding.accounts) | np.isin(parties["other"], finding.accounts)
    wanted = mine & (events["symbol"] == finding.symbol) & (times >= finding.first_ns - MARGIN_NS)
    if len(finding.accounts) > 1:  # of a group only what it did with itself
        inside = np.isin(parties["account"], finding.accounts) & np.isin(parties["other"], finding.accounts)
        wanted &= inside
    places = np.flatnonzero(wanted & np.isin(events["kind"], list(WORDS)))
    places = places[np.argsort(events["seq"][places], kind="stable")]
    rows = [
        {
            "time_ns": int(times[i]),
            "what": WORDS[int(events["kind"][i])],
            "account": int(parties["account"][i]),
            "other": int(parties["other"][i]),
            "order_id": int(events["order_id"][i]),
            "maker_id": int(events["maker_id"][i]),
            "side": int(events["side"][i]),
            "price": int(events["price"][i]),
            "qty": int(events["qty"][i]),
        }
        for i in places[-MOST_ROWS:].tolist()
    ]
    return {"rows": rows, "left_out": max(0, len(places) - MOST_ROWS)}
