"""Bounded faults for the gates of releases: an experiment on named nodes, guarded like every other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_noop as _  # stored in English, read by core.sentences

from seeops.accounts.selectors import machine
from seeops.core.errors import RuleViolation, Unavailable
from seeops.releases.gates.ports import Busy, Impossible, Trial
from seeops.resilience import catalogue, services
from seeops.resilience.catalogue import Experiment
from seeops.resilience.gate_document import document
from seeops.resilience.models import ExperimentRun, RunState

ACTOR = "release-engine"


class Gates:
    """Answers `releases.gates.ports.Faults`."""

    def start(
        self, *, release: str, service: str, nodes: Sequence[tuple[str, str]], options: Mapping[str, Any], reason: str
    ) -> str:
        try:
            experiment = written(document(service=service, nodes=nodes, options=options, reason=reason), release)
            run = services.experiment_queue(
                actor=machine(ACTOR), experiment=experiment, reason=reason, on_behalf=release
            )
        except (RuleViolation, Unavailable) as error:
            raise Busy(str(error)) from error
        return run.number

    def look(self, number: str) -> Trial:
        run = ExperimentRun.objects.get(number=number)
        return Trial(
            number=run.number, url=reverse("resilience:run", args=[run.pk]), ended=run.state == RunState.ENDED,
            outcome=run.outcome, why=run.why, undo_ok=run.undo_ok, restored=run.restored, recovered_s=run.recovered_s,
            unmeasured_s=run.unmeasured_s, lost=run.lost_orders, duplicates=run.duplicate_orders,
            worst_success=run.worst_success, journal_sha256=run.journal_sha256,
        )  # fmt: skip

    def stop(self, number: str, reason: str) -> None:
        run = ExperimentRun.objects.get(number=number)
        if run.state != RunState.ENDED:
            try:
                services.experiment_end(actor=machine(ACTOR), run=run, reason=reason)
            except RuleViolation:
                return  # it ended by itself meanwhile


def written(body: Mapping[str, Any], release: str) -> Experiment:
    """The document as an experiment file, checked by the same reader as all others. Raises Impossible for one that does not fit.

    A file and its folder are named by their content: written twice they are the same.
    """
    content = json.dumps(body, indent=1, sort_keys=True).encode()
    folder = Path(settings.VAR_DIR) / "experiments" / "gates" / hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    code = f"gate-{release.lower()}"
    beside = folder / f".{code}.tmp"
    beside.write_bytes(content)
    beside.replace(folder / f"{code}.json")
    found = catalogue.of_folder(folder)
    if code not in found.experiments:
        raise Impossible("; ".join(problem["why"] for problem in found.problems) or _("the experiment was not written"))
    return found.experiments[code]
