"""The second factor: enrolled by its first code, counted once, locked after wrong ones, replaced by recovery codes."""

from __future__ import annotations

import re

import pyotp
import pytest

from seeops.accounts import second_factor
from seeops.accounts.models import Authenticator, RecoveryCode
from seeops.audit.models import AuditRecord
from seeops.core.clock import now
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation
from tests.seeops.changes.control import SECRET, code_now, colleague, with_second_factor

pytestmark = pytest.mark.django_db


@pytest.fixture
def chen():
    return colleague("chen", "approver")


def enrol(person) -> tuple[str, list[str]]:
    secret = re.search(r"secret=(\w+)", second_factor.enrolment_begin(actor=person)).group(1)
    code = pyotp.TOTP(secret).at(int(now().timestamp()) - 30)
    return secret, second_factor.enrolment_confirm(actor=person, code=code)


def test_neither_secret_nor_recovery_codes_are_readable_in_the_database(chen):
    secret, codes = enrol(chen)
    row = Authenticator.objects.get()
    assert secret not in row.secret
    assert not RecoveryCode.objects.filter(digest__in=codes).exists()
    assert len(set(codes)) == second_factor.RECOVERY_CODES


def test_an_enrolment_counts_only_after_its_first_right_code(chen):
    second_factor.enrolment_begin(actor=chen)
    assert not second_factor.enrolled(chen)
    with pytest.raises(InvalidInput, match="wrong"):
        second_factor.enrolment_confirm(actor=chen, code="abc")
    with pytest.raises(Forbidden, match="you have none"):
        second_factor.check(chen, "123456")
    enrol(chen)
    with pytest.raises(RuleViolation, match="already"):
        second_factor.enrolment_begin(actor=chen)


def test_a_code_and_a_recovery_code_count_once(chen):
    secret, codes = enrol(chen)
    code = pyotp.TOTP(secret).at(int(now().timestamp()))
    assert second_factor.check(chen, f" {code[:3]} {code[3:]}").method == "code"
    with pytest.raises(Forbidden, match="used already"):
        second_factor.check(chen, code)
    assert second_factor.check(chen, codes[0]).method == "recovery"
    with pytest.raises(Forbidden, match="wrong"):
        second_factor.check(chen, codes[0])
    assert second_factor.recovery_codes_left(chen) == second_factor.RECOVERY_CODES - 1


def test_five_wrong_codes_lock_for_a_while_also_for_the_right_one(chen):
    with_second_factor(chen)
    for _try in range(second_factor.MOST_FAILURES):
        with pytest.raises(Forbidden):
            second_factor.check(chen, "wrong")
    with pytest.raises(Forbidden, match="Too many wrong codes"):
        second_factor.check(chen, code_now())
    assert AuditRecord.objects.filter(action="people.second_factor_locked").exists()
    Authenticator.objects.update(locked_until=now())
    assert second_factor.check(chen, code_now()).person == chen.pk


def test_the_page_draws_the_picture_here_confirms_and_shows_recovery_codes_once(chen, client):
    client.force_login(chen)
    assert "not enrolled" in client.get("/people/me/").content.decode()
    page = client.post("/people/me/second-factor/").content.decode()
    assert 'src="data:image/svg+xml' in page
    secret = re.search(r"<code>([A-Z2-7 ]+)</code>", page).group(1).replace(" ", "")
    assert client.post("/people/me/second-factor/", {"code": "000000"}).status_code == 400
    code = pyotp.TOTP(secret).at(int(now().timestamp()))
    page = client.post("/people/me/second-factor/", {"code": code}).content.decode()
    assert page.count("<li>") >= second_factor.RECOVERY_CODES
    assert "Recovery codes" not in client.get("/people/me/second-factor/").content.decode()


def test_only_a_code_or_an_administrator_with_a_reason_removes_it(chen, client):
    root = colleague("root", "administrator")
    with_second_factor(chen)
    with pytest.raises(Forbidden):
        second_factor.enrolment_remove(actor=chen, person=chen, code="")
    with pytest.raises(InvalidInput):
        second_factor.enrolment_remove(actor=root, person=chen)
    with pytest.raises(Forbidden):
        second_factor.enrolment_remove(actor=colleague("wu", "operator"), person=chen, reason="x")
    client.force_login(root)
    assert "Remove second factor" in client.get("/people/chen/").content.decode()
    assert client.post("/people/chen/second-factor/remove/", {"reason": "phone lost"}).status_code == 302
    assert not second_factor.enrolled(chen)
    with_second_factor(chen)
    second_factor.enrolment_remove(actor=chen, person=chen, code=pyotp.TOTP(SECRET).now())
    assert not second_factor.enrolled(chen)
