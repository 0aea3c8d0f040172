"""Shadow runs for the gates of releases: what a release may rely on, and runs that it begins itself."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.urls import reverse

from seeops.accounts.selectors import machine
from seeops.capacity import selectors, services
from seeops.capacity.models import ShadowRun, WorkState
from seeops.core.errors import Conflict, InvalidInput, RuleViolation, Unavailable
from seeops.releases.gates.ports import Busy, Impossible, Replay

ACTOR = "release-engine"


class Gates:
    """Answers `releases.gates.ports.ShadowRuns`."""

    def shards(self) -> list[int]:
        try:
            expected = {int(shard) for shard in selectors.door.endpoints()["shards"]}
            found = {journal.shard for journal in selectors.journals()}
        except Unavailable as error:
            raise Busy(str(error)) from error
        if missing := sorted(expected - found):
            raise Busy(f"no journal of shard {', '.join(map(str, missing))} lies on this machine")
        return sorted(found)

    def fresh(self, *, version: str, digest: str, shard: int, since: dt.datetime) -> str:
        run = selectors.shadow_gate(digest, shard)
        usable = run is not None and run.candidate == version and run.created_at > since
        return run.number if run is not None and usable else ""

    def start(self, *, version: str, digest: str, shard: int, reason: str) -> str:
        try:
            run = services.shadow_queue(
                actor=machine(ACTOR), shard=shard, centre="", candidate=version, reason=reason, digest=digest
            )
        except (Conflict, Unavailable) as error:
            raise Busy(str(error)) from error
        except InvalidInput as error:
            raise Impossible(str(error)) from error
        return run.number

    def look(self, number: str) -> Replay:
        run = ShadowRun.objects.get(number=number)
        report: dict[str, Any] = run.report or {}
        return Replay(
            number=run.number, shard=run.shard, url=reverse("capacity:shadow", args=[run.pk]),
            ended=run.state == WorkState.ENDED, same=run.same, why=run.why, text=run.text, entries=run.entries or 0,
            proven=(report.get("journal") or {}).get("committed") == "majority",
            commands=run.commands or 0, kinds=_kinds(report), report_sha256=run.report_sha256,
            journal_sha256=run.journal_sha256,
        )  # fmt: skip

    def stop(self, number: str, reason: str) -> None:
        run = ShadowRun.objects.get(number=number)
        if run.state != WorkState.ENDED:
            try:
                services.shadow_end(actor=machine(ACTOR), shadow=run, reason=reason)
            except RuleViolation:
                return  # it ended by itself meanwhile


def _kinds(report: dict[str, Any]) -> tuple[str, ...] | None:
    """Every kind of difference; None when the report does not name them all."""
    if "kinds" not in report:
        return () if report.get("same") else None
    return None if report.get("more_kinds") else tuple(report["kinds"])
