"""Sentences of gates, for the catalogues (read by core.sentences).

`deciding` is pure and knows no language, and the others write for nobody in particular: their texts are stored in English. A text that
is added there belongs here as well (tests/seeops/releases/gates/test_gate_words.py says when one is missing).
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

ANSWERS = (
    _("gate of %(title)s: %(text)s"),
    _("begins"),
)

REPLAYS = (
    _("%(run)s, shard %(shard)d: %(text)s"),
    _("no journal of any shard can be read: nothing was replayed"),
    _("no journal of shard %(shards)s lies on this machine"),
    _("journals are replayed: %(n)d of %(all)d shards done, waiting for %(names)s"),
    _("declared, but no journal of the day shows it: %(kind)s"),
    _("identical events on %(n)d shards, %(commands)s commands replayed"),
    _("exactly the %(kinds)d declared kinds of differences on %(n)d shards, %(commands)s commands replayed"),
    _("it differs"),
    _("it differs in more kinds than can be declared"),
    _("undeclared difference: %(kind)s"),
    _("it cannot be judged"),
    _("its journal holds no command: nothing was compared"),
    _("nobody proved that the journal's entries were committed"),
    _("it differs, and its report does not say in what kinds"),
    _("not decided within %(s)s s: %(text)s"),
    _("nobody here replays journals"),
)

TRIALS = (
    _("%(run)s: %(fault)s on %(n)d nodes of the first batch"),
    _("%(run)s: %(fault)s on %(nodes)s"),
    _("the steady state was left"),
    _("customers were served again after %(s)s s, %(allowed)s s were allowed"),
    _("%(run)s: %(fault)s survived, served again after %(s)s s of %(allowed)s s, nothing lost, nothing twice"),
    _("%(n)d acknowledged orders were lost"),
    _("%(n)d orders were executed twice"),
    _("lost and repeated orders were not counted"),
    _("the recovery was not seen to its end"),
    _("the customers' view was not measured for %(s)s s"),
    _("the fault was not cleared as it should: look at the nodes first"),
    _("the steady state was not measured again afterwards"),
    _("halted"),
    _("unknown"),
    _("%(run)s did not end in time and was stopped"),
    _("%(n)d nodes of the first batch are to be hit, and %(found)d run the new version"),
    _("no right moment within %(s)s s: %(problem)s"),
    _("waits for the right moment: %(problem)s"),
    _("nobody here injects faults"),
)

STOPPED = (
    _("stopped: %(why)s"),
    _("the release is %(state)s"),
    _("%(why)s; what it began could not be stopped (%(error)s) and ends by its lease"),
)

# On the pages of the runs that a gate begins and ends.
REASONS = (
    _("gate of %(release)s, %(title)s, attempt %(n)d"),
    _("the gate is decided"),
    _("the gate's time is over"),
)
