"""Gates of releases that do not run any more: what they began is stopped and cleared, whoever ended the release and whatever died."""

from __future__ import annotations

from django.db import transaction

from seeops.releases import states
from seeops.releases.gates import chaos, keeping, shadow
from seeops.releases.gates.models import OPEN, Gate, GateKind, GateState
from seeops.releases.gates.ports import Busy, Impossible
from seeops.releases.models import Release


def stop_of(release: Release, why: str) -> None:
    """Stop the open gates of a release at once. Called when it is held or aborted; `sweep` repeats what was missed."""
    for pk in Gate.objects.filter(release=release, state__in=OPEN).values_list("pk", flat=True):
        _stop(pk, why)


def sweep() -> None:
    """Stop every open gate whose release does not run."""
    idle = Gate.objects.filter(state__in=OPEN).exclude(release__state=states.RUNNING)
    for pk, release_id in idle.values_list("pk", "release_id"):
        with transaction.atomic():
            release = Release.objects.select_for_update(of=("self",)).get(pk=release_id)
            if release.state != states.RUNNING:  # somebody may have had it go on since
                _stop(pk, f"the release is {release.state}")


@transaction.atomic
def _stop(pk: int, why: str) -> None:
    gate = Gate.objects.select_for_update(of=("self",)).select_related("release").get(pk=pk)
    if not gate.open:
        return
    try:
        (shadow if gate.kind == GateKind.SHADOW else chaos).stop(gate, why)
    except (Busy, Impossible) as error:
        why = f"{why}; what it began could not be stopped ({error}) and ends by its lease"
    keeping.end(gate, GateState.STOPPED, f"stopped: {why}", {"work": gate.work, "why": why})
