"""Sentences of the judge and of batch plans, for the catalogues.

`measures`, `verdict` and `batches` are pure and know no language; their texts are read by core.sentences. A text that is
added there belongs here as well (tests/seeops/test_sentences.py says when one is missing).
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

FINDINGS = (
    _("duration"),
    _("mean duration"),
    _("memory growth"),
    _("PASS"),
    _("FAIL"),
    _("INCONCLUSIVE"),
    _("not known which nodes serve"),
    _("%(down)d of %(all)d changed nodes do not serve (%(peers_down)d of %(peers)d peers)"),
    _("no requests on one side"),
    _("%(n)d peers had requests, %(needed)d are needed"),
    _("%(effect)f %% (%(low)f %% to %(high)f %%), %(n)d requests"),
    _("%(effect)f %% (%(low)f %% to %(high)f %%)"),
    _("too few nodes with requests"),
    _("%(n)d of %(all)d requests failed (%(share)f%%), peers %(peers)d of %(peers_all)d (%(peers_share)f%%)"),
    _("memory was not measured often enough"),
    _("the peers report no memory"),
    _("%(effect)f %% a minute against the peers"),
    _("no changed node"),
    _("no peer to compare with"),
    _("only %(measured)d of %(all)d changed nodes were measured"),
    _("only %(measured)d of %(all)d peers were measured"),
    _("no metric is worse than its margin, and each was measured well enough to say so"),
)

PLANS = (
    _("The batches are empty: write for example “1, 5%, 30%, 100%”."),
    _("%(n)d batches are too many: at most %(most)d."),
    _("“%(word)s” is neither a number of nodes nor a percentage, such as 5 or 30%%."),
    _("“%(word)s” is out of range: at least 1, and at most 100%%."),
    _("There is no node to release to."),
    _("Batch %(n)d (%(term)s) is empty: batches before it already reach %(done)d of %(total)d nodes. Targets are cumulative; leave it out or raise it."),
    _("The batches end at %(done)d of %(total)d nodes: add 100%% at the end."),
    _("Nodes are named twice: %(names)s."),
    _("%(centre)s has no node to spare: its nodes are changed one at a time."),
    _("Batch %(n)d takes %(taken)d of %(wanted)d nodes, so that every centre keeps what it needs."),
    _("Batch %(n)d (%(term)s) is empty: no centre can spare another node before the last batch."),
)  # fmt: skip
