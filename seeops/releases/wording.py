"""Sentences of the judge, for the catalogues (those of plans: plan_wording).

`measures` and `verdict` are pure and know no language; their texts are read by core.sentences. A text that is
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
    _("cannot be computed: %(why)s"),
    _("restarts"),
    _("not known which processes restarted"),
    _("%(n)d restarts on changed nodes, %(peers)d on peers"),
    _("the second opinion doubts the pass; %(why)s"),
)

AROUND = (
    _("orders lost"),
    _("orders executed twice"),
    _("replicas that differ"),
    _("gaps in the gateway's feed"),
    _("entries that surveillance missed"),
    _("%(n)d in these minutes"),
    _("not known: the cluster does not tell"),
    _("not known: no customer's book was compared in these minutes"),
    _("chains"),
    _("nobody used the chains of the service"),
    _("chains that do not pass the service fail as well: something else is going on"),
    _("%(n)d of %(all)d requests failed (%(share)f%%), before %(before)d of %(before_all)d (%(before_share)f%%)"),
    _("too few measurements of the chain's durations"),
    _("%(effect)f %% against before"),
    _("%(effect)f %% against before, most of it at %(service)s, which this release does not change"),
    _("%(own)f %% through this service, %(effect)f %% in all"),
    _("what is around the nodes could not be measured: %(why)s"),
    _("no day before was measured, and the session was in another phase before the batch"),
    _("the service was not measured in the earlier minutes"),
)
