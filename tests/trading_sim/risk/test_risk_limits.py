"""Limits that make no sense, and records of what was refused."""

import numpy as np
import pytest

from trading_sim.protocol.records import EVENT, PARTY
from trading_sim.risk.limits import RiskLimits
from trading_sim.risk.reasons import RISK_BASE, RISK_REJECT, RiskReason
from trading_sim.shard.machine import split_refused


@pytest.mark.parametrize(
    "limits",
    [
        {"max_quantity": 0},
        {"max_notional": 0},
        {"max_position": 0},
        {"rate_max": 0},
        {"rate_window_ns": 0},
        {"collar_ppm": -1},
        {"maintenance_ppm": -1},
        {"initial_ppm": 0},
        {"max_quantity": 10**10},
        {"max_notional": 10**13},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(ValueError, match="risk limit"):
        RiskLimits(**limits)


def test_a_reject_record_names_command_account_and_reason():
    events, parties = np.zeros(3, EVENT), np.zeros(3, PARTY)
    events["seq"], events["symbol"], events["order_id"], events["kind"] = [7, 8, 9], 2, [1, 2, 3], [1, 2, 2]
    events["reason"] = [0, RISK_BASE + RiskReason.ORDER_RATE, 9]
    parties["account"] = [4, 5, 6]
    kept, owners, rejects = split_refused(events, parties)
    assert rejects[["seq", "order_id", "symbol", "account", "reason"]].tolist() == [(8, 2, 2, 5, 11)]
    assert (kept["seq"].tolist(), owners["account"].tolist()) == ([7, 9], [4, 6])
    assert RISK_REJECT.itemsize == 32
