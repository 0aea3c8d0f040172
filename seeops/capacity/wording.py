"""Sentences of the cluster's reports and of the engine, for the catalogues (read by core.sentences)."""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

ENDS = (
    _("the process of the test died without a report"),
    _("the process died without a report"),
    _("stopped before it began"),
    _("stopped before its end"),
    _("the package was replaced while it was replayed"),
    _("the ramp was told to end"),
)

WAITING = (
    _("waiting for continuous trading that lasts for a whole step"),
    _("continuous trading ended within the step"),
)

REASONS = (
    _("p99 %(ms)s ms is above %(bound)s ms"),
    _("p99 of more than a minute is above %(bound)s ms"),
    _("%(part)s of the requests failed, %(most)s may"),
    _("%(part)s of the requests failed within %(seconds)s s: stopped at once"),
    _("only %(offered)s of %(rate)s orders a second could be offered"),
    _("orders were lost or executed twice: stopped at once"),
    _("no order was answered"),
)

LIMITS = (
    _("%(service)s in %(centre)s at %(part)s of the capacity that the cluster file declares (modelled)"),
    _("the real shard process %(name)s at %(part)s of a core"),
    _("the real process %(name)s at %(part)s of a core"),
    _("the machine's processors at %(part)s, everything else that runs on it included"),
    _("the load generator at %(part)s of a core: the system behind it may take more"),
    _("nothing that is measured was at %(part)s of its capacity"),
)

BROKEN = (
    _("the order flow is paused: resume it before its capacity is tested"),
    _("a surge or another capacity test changes the flow: wait until it has ended"),
    _("the load process does not answer: %(error)s"),
    _("the load process stopped answering under load: %(error)s"),
    _("the load process does not take the level: %(error)s"),
)

SHADOW = (
    _("Cannot be judged: %(why)s."),
    _("%(name)s gives the same bytes for shard %(shard)d: %(entries)s entries with %(commands)s commands, %(events)s events, %(rejects)s refusals, and %(hashes)s state hashes."),
    _("%(name)s differs in %(differing)s of %(entries)s entries with %(commands)s commands, %(events)s events, %(rejects)s refusals, and %(hashes)s state hashes. %(first)s"),
    _("Entry %(entry)d, command %(seq)d, %(command)s: this version says “%(ours)s”, the other one “%(theirs)s”."),
    _("After entry %(entry)d the states differ (%(ours)s and %(theirs)s), though all they told before was equal."),
    _("the journals cannot be relied on: %(problem)s"),
)  # fmt: skip
