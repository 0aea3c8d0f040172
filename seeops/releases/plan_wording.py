"""Sentences of plans and dry runs, for the catalogues.

`expressions`, `batches`, `ordering`, `forecast` and `findings` are pure and know no language; their texts are read by
core.sentences. A text that is added there belongs here as well.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

EXPRESSIONS = (
    _("The batches are empty: write for example “1, 5%, 30%, 100%”."),
    _("%(n)d batches are too many: at most %(most)d."),
    _("“%(term)s” goes on until all nodes are done, so it stands at the end."),
    _("“%(term)s” needs a batch before it to grow from, such as “5 %(term)s”."),
    _("“%(word)s” is none of these: a number of nodes such as 5, a target such as 30%%, *2, +5 or rest."),
    _("“%(word)s” is out of range: at least 1, and at most 100%%."),
    _("There is no node to release to."),
    _("“%(term)s” at the end makes more than %(most)d batches of %(total)d nodes: use bigger ones."),
    _("Batch %(n)d (%(term)s) is empty: batches before it already reach %(done)d of %(total)d nodes. A percentage is a target over all batches; leave it out or raise it."),
    _("Batch %(n)d (%(term)s) is empty: batches before it already reach %(done)d of %(total)d nodes. Leave it out."),
    _("The batches end at %(done)d of %(total)d nodes: add 100%% at the end."),
)  # fmt: skip

BATCHES = (
    _("Nodes are named twice: %(names)s."),
    _("%(centres)s has no node to spare: taking one away leaves less than is needed there. Bring a node back, plan for the other centres, or accept one node less for the time of the release."),
    _("%(centre)s has no node to spare: its nodes are changed one at a time."),
    _("Batch %(n)d takes %(taken)d of %(wanted)d nodes, so that every centre keeps what it needs."),
    _("Batch %(n)d (%(term)s) would hold two replicas of shard %(shard)d (%(one)s and %(other)s): one of them must serve while the other changes. Use smaller batches, such as “%(such)s”."),
    _("It is not known which replica leads shard %(shards)s: its replicas are taken by centre, the standby first."),
    _("While batch %(n)d is under way, up to %(share).1f %% of the flow of a chain is lost."),
    _("No order serves all of these: %(needs)s. They are taken by what is declared, else by name."),
)  # fmt: skip

FINDINGS = (
    _("%(names)s left the inventory since the plan was made: plan again."),
    _("%(count)d nodes run another version than planned (%(names)s): plan again."),
    _("It is not known which replica leads shard %(shard)d of %(service)s now."),
    _("Shard %(shard)d of %(service)s is led in %(now)s now, and the plan leaves %(planned)s to the end: plan again, or its lead is handed over twice."),
    _("%(service)s has no node to spare in %(centre)s now: %(serving)d serve, %(needed)d are needed. Wait until more serve there."),
    _("The plan takes %(out)d nodes of %(service)s away in %(centre)s at the same time, and only %(spare)d may leave now: plan again, or wait until more serve there."),
    _("%(n)d nodes of %(service)s in %(centre)s are in an unknown state: they do not count as serving."),
    _("At the peak of the day %(service)s in %(centre)s would carry %(share)d %% of its requests with %(out)d nodes away: release outside of the trading session, or fewer at the same time."),
    _("%(service)s was not measured yet: %(turn)d s for each turn are assumed."),
    _("The versions of %(service)s would differ between the sites for %(usual)s to %(slow)s, and the plan permits %(most)s: use fewer batches, a shorter soak, or permit more."),
    _("It is not known how many requests come now, so nobody can say whether the batches can be judged."),
    _("Batch %(n)d of %(service)s would see about %(expected)d requests in %(time)s of soak, as they come now, and a verdict needs %(needed)d: it would hold for a person. Use more nodes, or a longer soak."),
    _("%(service)s has no version “%(version)s” any more: plan again."),
    _("%(owner)s holds %(what)s: this release would wait for it."),
    _("%(owner)s holds %(what)s: wait until it has ended, or let the release queue."),
)  # fmt: skip
