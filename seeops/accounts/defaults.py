"""What each role may do out of the box. Administrators change grants in the console; migrations only create missing ones."""

from __future__ import annotations

VIEW = ["estate.view", "topology.view", "change.view", "release.view", "automation.view", "watch.view", "alert.view",
        "experiment.view", "capacity.view", "surveillance.view", "maturity.view"]  # fmt: skip

DEFAULT_GRANTS: dict[str, list[str]] = {
    "operator": [*VIEW, "log.*", "change.request", "change.break_glass", "release.*", "automation.run", "workflow.edit", "workflow.run", "node.drain", "node.restart", "node.diagnose",
                 "node.configure", "view.save", "alert.acknowledge", "experiment.stop", "capacity.stop", "capacity.shadow", "surveillance.restrict", "surveillance.close"],
    "approver": [*VIEW, "workflow.approve", "change.approve", "change.delegate", "view.save", "release.abort", "experiment.stop", "capacity.stop"],
    "on_call": [*VIEW, "log.*", "alert.*", "node.drain", "node.restart", "node.diagnose", "release.hold", "release.abort",
                "experiment.run", "experiment.stop", "view.save", "capacity.*", "surveillance.*"],
    "auditor": [*VIEW, "log.read", "audit.view", "maturity.*", "people.view", "change.review", "view.save"],
    "administrator": [*VIEW, "log.*", "people.*", "audit.view", "inventory.*", "maturity.*", "experiment.*", "automation.*", "workflow.*",
                      "view.save", "change.request", "change.control", "alert.*", "node.*", "capacity.*", "surveillance.*"],
    "machine": ["alert.receive", "watch.scrape", "inventory.discover", "release.advance", "experiment.record", "maturity.collect"],
}  # fmt: skip
