"""Which settings judge the next releases, and how they change: one person proposes, another one puts them in force."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.errors import InvalidInput, RuleViolation
from seeops.releases.judge_models import JudgeProfile
from seeops.releases.judge_settings import JudgeSettings

RIGHT = "release.judge"


def in_force() -> JudgeSettings:
    """The settings for new plans: those put in force last, else the ones that come with the product."""
    newest = JudgeProfile.objects.filter(in_force_at__isnull=False).order_by("-in_force_at", "-pk").first()
    return JudgeSettings.of(newest.settings) if newest else JudgeSettings()


@transaction.atomic
def judge_profile_propose(*, actor: Any, wanted: JudgeSettings, reason: str) -> JudgeProfile:
    """Put settings up for a second person. Raises Forbidden, InvalidInput."""
    rights.require(actor, RIGHT)
    if not reason.strip():
        raise InvalidInput(_("The reason is missing: say why."), field="reason")
    if wrong := wanted.problem():
        raise InvalidInput(f"{wrong[0]}: {wrong[1]}", field=wrong[0])
    if wanted == in_force():
        raise InvalidInput(_("These are the settings in force: there is nothing to change."), field="settings")
    profile = JudgeProfile.objects.create(
        settings=asdict(wanted), reason=reason.strip()[:400], proposed_by=actor, proposed_at=now()
    )
    audit.record(actor=actor, action="release.judge_propose", obj=profile, reason=reason, after=_changed(wanted))
    return profile


@transaction.atomic
def judge_profile_put_in_force(*, actor: Any, profile: JudgeProfile) -> JudgeProfile:
    """The second person's word. Raises Forbidden, RuleViolation for the one who proposed it and for one that was decided."""
    rights.require(actor, RIGHT)
    profile = JudgeProfile.objects.select_for_update().get(pk=profile.pk)
    if profile.in_force_at is not None:
        raise RuleViolation(_("%(profile)s has been in force already: propose it again.") % {"profile": profile})
    if profile.proposed_by_id == actor.pk:
        raise RuleViolation(_("Who proposed settings does not put them in force: ask a second person."))
    before = _changed(in_force())
    profile.in_force_by, profile.in_force_at = actor, now()
    profile.save(update_fields=["in_force_by", "in_force_at"])
    audit.record(
        actor=actor, action="release.judge_in_force", obj=profile, reason=profile.reason, before=before,
        after=_changed(JudgeSettings.of(profile.settings)),
    )  # fmt: skip
    return profile


def _changed(used: JudgeSettings) -> dict[str, Any]:
    """What differs from the settings that come with the product."""
    usual = asdict(JudgeSettings())
    return {name: value for name, value in asdict(used).items() if value != usual[name]}
