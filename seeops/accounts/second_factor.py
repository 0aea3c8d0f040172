"""The second factor of a person: enrolment, recovery codes, and the check that a grave decision asks for.

A code is checked in a transaction of its own, so that a wrong one counts although the decision it was for is refused.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

import pyotp
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.accounts.models import Authenticator, Person, RecoveryCode
from seeops.audit import services as audit
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation

STEP_S = 30
DRIFT_STEPS = 1  # a phone's clock may be one step off
MOST_FAILURES = 5
LOCKED_FOR = dt.timedelta(minutes=5)
RECOVERY_CODES = 10
ISSUER = "seeops"


@dataclass(frozen=True)
class Checked:
    """Proof that a person showed their second factor: when, and by "code" or "recovery"."""

    person: int
    at: dt.datetime
    method: str


def enrolled(person: Any) -> bool:
    return Authenticator.objects.filter(person=person.pk, confirmed_at__isnull=False).exists()


@transaction.atomic
def enrolment_begin(*, actor: Person) -> str:
    """Make a secret that counts once it is confirmed by a code. Returns the address that the app reads from the QR picture."""
    if enrolled(actor):
        raise RuleViolation(_("You have a second factor already: remove it first."))
    secret = pyotp.random_base32()
    Authenticator.objects.update_or_create(
        person=actor, defaults={"secret": _encrypt(secret), "last_step": 0, "failures": 0, "locked_until": None}
    )
    return provisioning_uri(actor, secret)


def enrolment_uri(person: Person) -> str:
    """The address of an enrolment that waits for its first code; empty when there is none."""
    waiting = Authenticator.objects.filter(person=person, confirmed_at__isnull=True).first()
    return provisioning_uri(person, _decrypt(waiting.secret)) if waiting else ""


def provisioning_uri(person: Person, secret: str) -> str:
    return pyotp.TOTP(secret).provisioning_uri(name=person.username, issuer_name=ISSUER)


@transaction.atomic
def enrolment_confirm(*, actor: Person, code: str) -> list[str]:
    """The first code makes the enrolment count. Returns the recovery codes, which are shown once and never stored."""
    waiting = Authenticator.objects.select_for_update().filter(person=actor, confirmed_at__isnull=True).first()
    if waiting is None:
        raise RuleViolation(_("No enrolment waits for a code: begin one first."))
    step = _matching_step(_decrypt(waiting.secret), code)
    if step is None:
        raise InvalidInput(
            _("The code is wrong: look whether the clock of your phone is right, and type the next one."), field="code"
        )
    codes = [secrets.token_hex(5) for _number in range(RECOVERY_CODES)]
    RecoveryCode.objects.filter(authenticator=waiting).delete()
    RecoveryCode.objects.bulk_create(RecoveryCode(authenticator=waiting, digest=_digest(item)) for item in codes)
    waiting.confirmed_at, waiting.last_step = now(), step
    waiting.save(update_fields=["confirmed_at", "last_step"])
    audit.record(actor=actor, action="people.second_factor", obj=actor, after={"enrolled": True})
    return codes


def enrolment_remove(*, actor: Person, person: Person, code: str = "", reason: str = "") -> None:
    """Remove one's own second factor with a code; an administrator removes somebody else's with a reason."""
    if actor.pk == person.pk:
        check(actor, code)
    else:
        rights.require(actor, "people.change", person)
        if not reason.strip():
            raise InvalidInput(_("The reason is missing: say why."), field="reason")
    with transaction.atomic():
        removed, _rows = Authenticator.objects.filter(person=person).delete()
        if removed:
            audit.record(
                actor=actor, action="people.second_factor", obj=person, reason=reason, before={"enrolled": True},
                after={"enrolled": False},
            )  # fmt: skip


def check(person: Any, code: str) -> Checked:
    """Check the code that a person typed. Raises Forbidden: not enrolled, no code, wrong code, or too many wrong ones."""
    if not enrolled(person):
        raise Forbidden(
            _("This asks for your second factor and you have none: enrol one under “My account”, then decide again."),
            code="second_factor_missing",
        )
    code = code.strip().replace(" ", "")
    if not code:
        raise Forbidden(
            _("This asks for your second factor: type the code that your app shows."), code="second_factor_needed"
        )
    found = _spend(person, code)
    if isinstance(found, Checked):
        return found
    raise Forbidden(found, code="second_factor_wrong")


@transaction.atomic
def _spend(person: Any, code: str) -> Checked | str:
    """Take the code, which then counts no more; or say why it does not count. Commits either way."""
    row = Authenticator.objects.select_for_update().get(person=person.pk)
    moment = now()
    if row.locked_until and row.locked_until > moment:
        return _("Too many wrong codes: wait %(n)d s.") % {"n": (row.locked_until - moment).total_seconds() + 1}
    step = _matching_step(_decrypt(row.secret), code)
    # The conditional write makes one code count once, also when it arrives twice at the same time.
    if step is not None and Authenticator.objects.filter(pk=row.pk, last_step__lt=step).update(
        last_step=step, failures=0, locked_until=None
    ):
        return Checked(person.pk, moment, "code")
    if step is None and row.recovery_codes.filter(digest=_digest(code), used_at__isnull=True).update(used_at=moment):
        Authenticator.objects.filter(pk=row.pk).update(failures=0, locked_until=None)
        audit.record(actor=person, action="people.recovery_code", obj=person, after={"left": _left(row)})
        return Checked(person.pk, moment, "recovery")
    Authenticator.objects.filter(pk=row.pk).update(failures=F("failures") + 1)
    locked = Authenticator.objects.filter(Q(pk=row.pk) & Q(failures__gte=MOST_FAILURES)).update(
        failures=0, locked_until=moment + LOCKED_FOR
    )
    if locked:
        audit.record(actor=person, action="people.second_factor_locked", obj=person)
    if step is not None:
        return _("This code was used already: wait for the next one.")
    return _("The code is wrong: look whether the clock of your phone is right, and type the next one.")


def recovery_codes_left(person: Any) -> int:
    return RecoveryCode.objects.filter(authenticator__person=person.pk, used_at__isnull=True).count()


def _left(row: Authenticator) -> int:
    return row.recovery_codes.filter(used_at__isnull=True).count()


def _matching_step(secret: str, code: str) -> int | None:
    """The 30-second step whose code this is; None when it is none of the present ones."""
    totp, at = pyotp.TOTP(secret), int(now().timestamp()) // STEP_S
    steps = range(at - DRIFT_STEPS, at + DRIFT_STEPS + 1)
    return next((step for step in steps if secrets.compare_digest(totp.at(step * STEP_S), code)), None)


def _digest(code: str) -> str:
    """Recovery codes are 40 random bits: salted by the instance's key, so that a copy of the table alone cannot be searched."""
    return hashlib.sha256(f"{settings.SECRET_KEY}:{code}".encode()).hexdigest()


def _fernet() -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"second factor").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(derived))


def _encrypt(secret: str) -> str:
    return _fernet().encrypt(secret.encode()).decode()


def _decrypt(stored: str) -> str:
    try:
        return _fernet().decrypt(stored.encode()).decode()
    except InvalidToken as error:
        raise RuleViolation(
            _(
                "The second factor was stored under another secret key: an administrator must remove it, then enrol anew."
            )
        ) from error
