"""A replica that leads its shard hands its lead on before a batch touches it, in an orderly way: nothing waits for an election."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.cluster import door
from seeops.cluster.leaders import Lead, leads, replicated
from seeops.core.errors import SeeOpsError
from seeops.core.leases import renew
from seeops.core.sequence import next_epoch
from seeops.inventory.models import Node
from seeops.releases import states
from seeops.releases.fencing import LEASE_S
from seeops.releases.models import Batch, BatchNode, Release


def hand_on(release: Release, batch: Batch, nodes: Sequence[BatchNode]) -> str:
    """Have those of `nodes` that lead hand on their leads. Empty when none of them leads any more; else why not, as a sentence
    that is stored: then the batch must not begin. Can be repeated: each request names the term that it saw led."""
    replicas = [(item.node, item.node.shard) for item in nodes if item.node.shard is not None]
    if not replicas:
        return ""
    running = replicated()
    replicas = [(node, shard) for node, shard in replicas if shard in running]
    renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)
    now = leads({shard for _node, shard in replicas})
    for node, shard in replicas:
        lead = now.get(shard)
        if lead is None:
            return _("it is not known which replica leads shard %(shard)d, so %(node)s is not touched: resume or abort") % {
                "shard": shard, "node": node.name,
            }  # fmt: skip
        if lead.centre == node.centre.code and (problem := _hand_on(release, batch, node, lead)):
            return problem
    return ""


def heirs(here: str, others: Sequence[tuple[str, bool]]) -> list[str]:
    """Centres to hand a lead to, the best first, `here` left out. `others` are (centre, runs the new version already) of the
    shard's replicas: one that was changed keeps the lead for good."""
    known = [(centre, changed) for centre, changed in others if centre != here]
    return [centre for centre, _changed in sorted(known, key=lambda item: (not item[1], item[0]))]


def _hand_on(release: Release, batch: Batch, node: Node, lead: Lead) -> str:
    """To the first heir that is fit: the replicas themselves refuse one that is behind."""
    done = set(
        BatchNode.objects.filter(release=release, state=states.NODE_DONE, node__shard=node.shard).values_list(
            "node__name", flat=True
        )
    )
    shard = Node.objects.active().filter(service=node.service_id, shard=node.shard).exclude(pk=node.pk)
    others = [(name in done, centre) for name, centre in shard.values_list("name", "centre__code")]
    said = _("no other replica is known")
    for heir in heirs(node.centre.code, [(centre, changed) for changed, centre in others]):
        renew(Release, release.pk, epoch=release.epoch, seconds=LEASE_S)
        key = f"{release.number}/{batch.number}/handover/{node.name}/{heir}/{lead.term}"
        try:
            door.call(
                node.name, "handover", to=heir, term=lead.term, key=key, epoch=next_epoch(), reason=release.number
            )  # fmt: skip
        except SeeOpsError as error:
            said = str(error)
            continue
        return ""
    return _("%(node)s leads shard %(shard)d and could not hand its lead on (%(why)s): resume or abort") % {
        "node": node.name, "shard": node.shard, "why": said[:200],
    }  # fmt: skip
