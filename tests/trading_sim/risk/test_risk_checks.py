"""The pre-trade checks alone: limits that make no sense, windows of time, records of what was refused."""

import numpy as np
import pytest

from trading_sim.matching.records import COMMAND
from trading_sim.risk.checks import SKIP, RiskBook, RiskLimits, RiskReason, reject_records
from trading_sim.risk.reasons import RISK_REJECT


@pytest.mark.parametrize(
    "limits",
    [
        {"max_quantity": 0},
        {"max_notional": 0},
        {"rate_max": 0},
        {"rate_window_ns": 0},
        {"collar_ppm": -1},
        {"max_quantity": 10**10},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits):
    with pytest.raises(ValueError, match="risk limit"):
        RiskLimits(**limits)


def test_counts_are_forgotten_only_in_another_window():
    book = RiskBook(RiskLimits(rate_window_ns=100), [{"account": 1}])
    book.start_window(250)
    book.counts[0] = 3
    book.start_window(299)
    assert book.counts[0] == 3
    book.start_window(300)
    assert book.counts[0] == 0


def test_a_reject_record_names_command_account_and_reason():
    commands = np.zeros(3, dtype=COMMAND)
    commands["seq"], commands["account"], commands["symbol"], commands["order_id"] = [7, 8, 9], 4, 2, [1, 2, 3]
    rejects = reject_records(commands, np.array([0, RiskReason.ORDER_RATE, SKIP], dtype="u1"))
    assert rejects[["seq", "order_id", "symbol", "account", "reason"]].tolist() == [(8, 2, 2, 4, 11)]
    assert RISK_REJECT.itemsize == 32
