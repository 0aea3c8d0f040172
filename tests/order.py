"""In which order files of tests are begun: a worker that is left alone with a long one at the end is waited for, and so is a release."""

from __future__ import annotations

import pytest

# By how long a worker is busy with them, the longest first; the others are short.
LONGEST_FIRST = (
    "tests/chaos/test_experiments_on_a_cluster.py",
    "tests/simulation/test_shard_schedules.py",
    "tests/seeops/releases/test_release_flow.py",
    "tests/playbooks/test_fleet_strategy.py",
    "tests/seeops/releases/test_roll_back.py",
    "tests/trading_sim/matching/test_matching_hot_code.py",
    "tests/seeops/automation/test_workflow_engine.py",
    "tests/seeops/releases/test_interruptions.py",
    "tests/seeops/automation/test_runs.py",
    "tests/acceptance/test_freezes_on_every_path.py",
    "tests/acceptance/test_cancel_in_every_phase.py",
    "tests/seeops/automation/test_run_grid.py",
    "tests/acceptance/test_log_is_complete_by_proof.py",
    "tests/trading_sim/cluster/test_supervisor.py",
    "tests/trading_sim/verify/test_verify_cluster.py",
    "tests/seeops/automation/test_workflow_editor.py",
    "tests/trading_sim/shadow/test_shadow_run.py",
    "tests/playbooks/test_release_over_ssh.py",
    "tests/simulation/test_shard_mutants.py",
    "tests/trading_sim/matching/test_matching_equality.py",
    "tests/playbooks/test_node_release_module.py",
    "tests/seeops/automation/test_results.py",
    "tests/trading_sim/gateway/test_gateway_process.py",
    "tests/trading_sim/nodes/test_centre_process.py",
)
# Tests of a whole product run one by one. Two releases are begun with the first of them and need minutes, so what can be done
# beside them is done before their end is waited for; what stops the product or restarts its cluster comes after that.
ON_A_PRODUCT = (
    "tests/e2e/test_audit_walk.py",
    "tests/e2e/test_oncall_walk.py",
    "tests/e2e/test_pages.py",
    "tests/e2e/test_sudden_outage_walk.py",
    "tests/acceptance/test_kill_everything.py",
    "tests/e2e/test_release_walk.py",
    "tests/integration/test_product_life.py",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Sort by file, the long ones first, those of a product in their order; within a file, and of all other files, the order stays."""
    rank = {name: place for place, name in enumerate((*LONGEST_FIRST, *ON_A_PRODUCT))}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))
