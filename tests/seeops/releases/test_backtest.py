"""Verdicts that can be judged again, settings tried on them, and settings changed by two people."""

from __future__ import annotations

import copy
import datetime as dt
import hashlib
from dataclasses import asdict, fields, replace
from html import unescape
from typing import Any

import numpy as np
import pgtrigger
import pytest
from django.db import IntegrityError, transaction

from seeops.audit.models import AuditRecord
from seeops.changes import services as changes
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from seeops.inventory.models import Service, Version
from seeops.releases import backtest, judge_profiles, judge_wording, judging, services, states
from seeops.releases.judge_models import JudgeProfile
from seeops.releases.judge_settings import JudgeSettings, parsed
from seeops.releases.models import Batch, Release, Verdict
from seeops.releases.planning import PartWish
from seeops.releases.verdict import FAIL, INCONCLUSIVE, PASS
from tests.estate import person
from tests.seeops.releases.measured import around, nodes

pytestmark = pytest.mark.django_db


@pytest.fixture
def release(small_estate: Any, tmp_path: Any) -> Release:
    package = tmp_path / "package"
    package.write_bytes(b"package")
    digest = hashlib.sha256(b"package").hexdigest()
    service = Service.objects.get(name="quote-push")
    Version.objects.update_or_create(service=service, number="1.1.0", defaults={"digest": digest, "file": str(package)})
    lin = person("lin", "operator")
    ticket = changes.ticket_create(actor=lin, title="quote-push", kind="normal", services=[service], reason="r")
    return services.release_plan(actor=lin, ticket=ticket, parts=[PartWish(service, "1.1.0")])


def kept(batch: Batch, seed: int = 1, **kind: float) -> Verdict:
    """A verdict as the engine stores it, on seeded measurements."""
    rng = np.random.default_rng(seed)
    evidence = {
        "settings": asdict(JudgeSettings()),
        "queries": ["sum(trading_requests_total)"],
        "changed": [sample.as_json() for sample in nodes(rng, 4, **kind)],
        "peers": [sample.as_json() for sample in nodes(rng, 12)],
        "around": around(rng).as_json(),
    }
    window = (now() - dt.timedelta(seconds=60), now())
    found = judging._from(evidence, JudgeSettings())
    return judging.keep(batch, judging.Judgement(found, judging.UNCHANGED, window, evidence))


def first(release: Release) -> Batch:
    return release.batches.order_by("number").first()


@pytest.mark.parametrize(("kind", "outcome"), [({}, PASS), ({"errors": 0.05}, FAIL), ({"requests": 15}, INCONCLUSIVE)])
def test_stored_evidence_gives_the_same_verdict_again(release: Release, kind: dict[str, float], outcome: str) -> None:
    stored = Verdict.objects.get(pk=kept(first(release), **kind).pk)
    again = judging.judge_again(stored)
    assert stored.outcome == again.outcome == outcome
    assert again.summary[:400] == stored.summary
    assert again.as_json() == stored.metrics
    assert judging.intact(stored)


@pytest.mark.parametrize("place", ["changed", "around", "settings", "queries"])
def test_a_changed_byte_of_the_evidence_is_found(release: Release, place: str) -> None:
    stored = Verdict.objects.get(pk=kept(first(release)).pk)
    evidence = copy.deepcopy(stored.evidence)
    if place == "changed":
        evidence["changed"][2]["errors"] += 1
    elif place == "around":
        evidence["around"]["integrity"]["trading_client_lost_total"] = 1
    elif place == "settings":
        evidence["settings"]["alpha"] = 0.0051
    else:
        evidence["queries"] = ["sum(trading_request_total)"]
    with pgtrigger.ignore("releases.Verdict:append_only"):
        Verdict.objects.filter(pk=stored.pk).update(evidence=evidence)
    damaged = Verdict.objects.get(pk=stored.pk)
    assert not judging.intact(damaged)
    tried = backtest.run(JudgeSettings())
    assert (tried.damaged, tried.after.judged, tried.rows[0].outcome) == (1, 0, "")


def test_other_settings_are_held_against_what_came_out_later(release: Release) -> None:
    good, bad = kept(first(release), 2, factor=1.3), kept(release.batches.order_by("number")[1], 3)
    release.batches.filter(pk=good.batch_id).update(promoted_by=release.created_by)
    tried = backtest.run(replace(JudgeSettings(), duration_margin=0.6, duration_bound=0.9))
    assert (good.outcome, bad.outcome) == (FAIL, PASS)
    assert (tried.before.good, tried.before.false_aborts, tried.after.false_aborts) == (1, 1, 0)
    assert {row.kept.pk: row.changed for row in tried.rows} == {good.pk: True, bad.pk: False}
    Release.objects.filter(pk=release.pk).update(state=states.ABORTED, finished_at=now())
    tried = backtest.run(JudgeSettings())
    assert (tried.before.bad, tried.before.missed) == (2, 1)


def test_what_could_not_be_measured_stays_unknown_whatever_the_settings(release: Release) -> None:
    missing = judging.verdict.Verdict(INCONCLUSIVE, "nothing could be measured: time-out", ())
    window = (now() - dt.timedelta(seconds=60), now())
    judging.keep(first(release), judging.Judgement(missing, judging.UNCHANGED, window, {"problem": "time-out"}))
    tried = backtest.run(replace(JudgeSettings(), min_requests=10))
    assert [row.outcome for row in tried.rows] == [INCONCLUSIVE]
    assert tried.rows[0].intact


def test_the_page_asks_as_often_for_one_verdict_as_for_many_and_is_paged(
    release, client, django_assert_max_num_queries
):
    client.force_login(release.created_by)
    for seed in range(3):
        kept(first(release), seed)
    client.get("/releases/judge/")
    with django_assert_max_num_queries(25) as few:
        assert client.get("/releases/judge/").status_code == 200
    for seed in range(27):
        kept(first(release), 100 + seed)
    with django_assert_max_num_queries(len(few)):
        page = client.get("/releases/judge/?duration_margin=0.2&duration_bound=0.5")
    oldest = sorted(Verdict.objects.values_list("pk", flat=True), reverse=True)[backtest.PAGE - 1]
    assert f"before={oldest}" in page.content.decode()
    assert client.get(f"/releases/judge/?before={oldest}").status_code == 200
    assert set(judge_wording.WORDS) == {item.name for item in fields(JudgeSettings)}
    assert all(str(words) in unescape(page.content.decode()) for words in judge_wording.WORDS.values())
    refused = client.get("/releases/judge/?duration_margin=0.9")
    assert "duration_margin: must be at least 0 and below duration_bound" in refused.content.decode()


def test_the_release_page_shows_intervals_integrity_and_chains(release: Release, client: Any) -> None:
    kept(first(release), 2, factor=1.3)
    kept(first(release), 3, requests=30)
    client.force_login(release.created_by)
    page = client.get(f"/releases/{release.pk}/?tab=verdicts").content.decode()
    for part in (
        "Worse: it goes back.",
        "Cannot be told yet.",
        "Integrity",
        "No second opinion",
        "would have shown",
        "o-fail",
    ):
        assert part in page, part


def test_the_api_tries_settings_and_stores_nothing(release: Release, client: Any) -> None:
    kept(first(release), 2, factor=1.3)
    client.force_login(release.created_by)
    body = {"settings": {"duration_margin": 0.6, "duration_bound": 0.9, "judge_chains": False}, "limit": 10}
    answer = client.post("/api/v1/judge-profiles/backtest/", body, content_type="application/json")
    assert answer.status_code == 200, answer.json()
    assert [(row["was"], row["now"], row["intact"]) for row in answer.json()["verdicts"]] == [(FAIL, PASS, True)]
    wrong = client.post("/api/v1/judge-profiles/backtest/", {"settings": {"alpha": 5}}, content_type="application/json")
    assert (wrong.status_code, "alpha" in wrong.json()["detail"]) == (400, True)
    assert not JudgeProfile.objects.exists()


def test_settings_change_by_two_people_and_judge_the_plans_made_after(release: Release) -> None:
    lin, wu = release.created_by, person("wu", "operator")
    wanted = replace(JudgeSettings(), duration_margin=0.08)
    with pytest.raises(Forbidden):
        judge_profiles.judge_profile_propose(actor=person("sun", "auditor"), wanted=wanted, reason="calmer")
    with pytest.raises(InvalidInput, match="reason"):
        judge_profiles.judge_profile_propose(actor=lin, wanted=wanted, reason=" ")
    with pytest.raises(InvalidInput, match="duration_bound"):
        judge_profiles.judge_profile_propose(actor=lin, wanted=replace(wanted, duration_margin=0.5), reason="r")
    profile = judge_profiles.judge_profile_propose(actor=lin, wanted=wanted, reason="calmer")
    assert judge_profiles.in_force() == JudgeSettings()
    with pytest.raises(RuleViolation, match="second person"):
        judge_profiles.judge_profile_put_in_force(actor=lin, profile=profile)
    with pytest.raises(IntegrityError), transaction.atomic():
        JudgeProfile.objects.filter(pk=profile.pk).update(in_force_by=lin, in_force_at=now())
    judge_profiles.judge_profile_put_in_force(actor=wu, profile=profile)
    with pytest.raises(RuleViolation, match="already"):
        judge_profiles.judge_profile_put_in_force(actor=wu, profile=profile)
    assert judge_profiles.in_force() == wanted
    assert release.plan["judge"]["duration_margin"] == JudgeSettings().duration_margin
    part = release.parts.get()
    fresh = services.release_plan(actor=lin, ticket=release.ticket, parts=[PartWish(part.service, "1.1.0")])
    assert fresh.plan["judge"]["duration_margin"] == 0.08
    assert list(AuditRecord.objects.filter(action__startswith="release.judge").order_by("seq").values_list("action", "actor_name")) == [
        ("release.judge_propose", "lin"), ("release.judge_in_force", "wu"),
    ]  # fmt: skip


def test_a_form_changes_what_it_names_and_refuses_nonsense() -> None:
    base = JudgeSettings()
    assert parsed({}, base) == base
    assert parsed({"alpha": "0.01", "second_opinion": "false", "min_peers": "5"}, base) == replace(
        base, alpha=0.01, second_opinion=False, min_peers=5
    )
    for name, value in (
        ("alpha", "x"),
        ("alpha", "nan"),
        ("min_peers", "2.5"),
        ("error_bound", "inf"),
        ("confidence", "1"),
    ):
        with pytest.raises(ValueError, match=name):
            parsed({name: value}, base)
