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
    _("Inspection before the open"),
    _("a round did not end well: no further round is begun"),
)  # fmt: skip
