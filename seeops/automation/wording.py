"""Sentences of playbooks, of their process and of its log, for the catalogues (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

PROCESS = (
    _("stopped before all nodes were done"),
    _("%(n)d nodes gave no result"),
    _("%(n)d nodes failed or gave no result, the run may lose %(budget)d: no further node is begun"),
    _("took longer than %(s)d s, or said nothing for %(idle)d s"),
    _("no node matched"),
    _("%(n)d nodes, %(failed)d failed or unreachable"),
)

PLAYBOOKS = (
    _("Inspect nodes"),
    _("Reads state, version, configuration and diagnostics of each node and reports what deserves a look. Changes nothing."),
    _("Configure nodes"),
    _("Writes the configuration file of each node. A content that the running version does not accept is refused by the node."),
    _("The whole configuration, as key = value lines"),
    _("Only show what would change"),
    _("Bring nodes to a version"),
    _("Stages the package, drains the node, switches to the version, waits until it is healthy and verifies it."),
    _("Version to run"),
    _("Path or address of the package"),
    _("SHA-256 of the package"),
    _("Name of the step; the same name again executes nothing"),
    _("Fencing number of the run"),
    _("Take the node out of rotation first"),
    _("Put nodes back into rotation"),
    _("Ends a drain and waits until the nodes serve."),
    _("Longest wait for a node, in seconds"),
    _("Drain nodes"),
    _("Takes nodes out of rotation and waits until they carry no request any more."),
    _("Restart nodes"),
    _("Restarts the process of each node and waits until it serves again."),
)  # fmt: skip

RECORDS = (
    _("Asks each node for its state, version, files, configuration, disk, memory, queue, clock and journal, and judges the answers into a report. Changes nothing."),
    _("Collect logs"),
    _("Collects the newest part of the nodes' logs, without secrets, into one archive that can be searched and downloaded. Changes nothing."),
    _("Which logs (process log, journal of actions)"),
    _("How many minutes back"),
    _("Most KiB of one node; of all nodes together at most 128 MiB are kept"),
    _("Days until the archive is deleted"),
    _("Fail a shard over"),
    _("Hands the lead of a shard to the chosen matching node, its replica in another centre. Orders wait for one exchange of messages. Refused when that replica is behind, silent or under repair, or when no majority answers."),
    _("Away closes a data centre to customers, has every leader there hand over, and drains its nodes. Back does the contrary. Needs an approved change, hence a second person. Every shard is looked at before anything is touched."),
    _("The centre that leads afterwards; the one whose replica holds most when left out"),
    _("Fail a data centre over"),
    _("Away from the centre, or back to it"),
    _("The data centre, such as SZ-B"),
    _("Number of the approved change"),
    _("Whether leaders come back too"),
    _("Longest wait for each step, in seconds"),
    _("Longest wait for the replicas to agree afterwards, in seconds"),
    _("Only say what would be done"),
    _("Inspection before the open"),
    _("a round did not end well: no further round is begun"),
)  # fmt: skip
