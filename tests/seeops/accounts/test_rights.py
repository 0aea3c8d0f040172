"""Who may do what: roles, constraints on objects, tokens; nobody above the rules."""

from __future__ import annotations

import pytest
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from seeops.accounts import rights, services
from seeops.accounts.models import Grant, Person, Token
from seeops.audit.models import AuditRecord
from seeops.core.errors import Forbidden, InvalidInput, RuleViolation

PASSWORD = "a long enough phrase"


def person(username: str, *roles: str) -> Person:
    return services.person_create(
        actor=None, username=username, display_name=username.title(), roles=list(roles), password=PASSWORD
    )


@pytest.mark.django_db
def test_a_role_may_what_its_grants_say_and_nothing_else() -> None:
    operator = person("lin", "operator")
    assert rights.allowed(operator, "release.start")
    assert not rights.allowed(operator, "change.approve")
    with pytest.raises(Forbidden, match="change.approve"):
        rights.require(operator, "change.approve")


@pytest.mark.django_db
def test_a_superuser_is_not_above_the_rules() -> None:
    root = person("root")
    root.is_superuser = root.is_staff = True
    root.save()
    assert not rights.allowed(root, "change.approve")


@pytest.mark.django_db
def test_a_constraint_limits_a_grant_to_objects_that_meet_it() -> None:
    auditor = person("he", "auditor")
    near, far = person("near", "operator"), person("far", "operator")
    Grant.objects.create(
        role="auditor",
        action="people.token",
        on=ContentType.objects.get_for_model(Person),
        constraint={"username": "near"},
    )
    assert rights.allowed(auditor, "people.token", near)
    assert not rights.allowed(auditor, "people.token", far)
    assert set(rights.restrict(auditor, "people.token", Person.objects.all())) == {near}


@pytest.mark.django_db
def test_an_inactive_person_may_nothing() -> None:
    operator = person("lin", "operator")
    operator.is_active = False
    assert not rights.allowed(operator, "release.start")


@pytest.mark.django_db
def test_nobody_changes_their_own_roles() -> None:
    admin = person("admin", "administrator")
    with pytest.raises(RuleViolation):
        services.person_set_roles(actor=admin, person=admin, roles=["approver"], reason="promotion")
    other = person("wu", "operator")
    services.person_set_roles(actor=admin, person=other, roles=["approver"], reason="new post")
    record = AuditRecord.objects.get(action="people.roles")
    assert record.before == {"roles": ["operator"]}
    assert record.after == {"roles": ["approver"]}


@pytest.mark.django_db
def test_a_weak_password_or_unknown_role_is_refused() -> None:
    with pytest.raises(InvalidInput):
        services.person_create(actor=None, username="x", display_name="X", roles=["operator"], password="short")
    with pytest.raises(InvalidInput, match="emperor"):
        services.person_create(actor=None, username="x", display_name="X", roles=["emperor"], password=PASSWORD)


@pytest.mark.django_db
def test_a_token_signs_in_until_it_is_revoked(client: Client) -> None:
    operator = person("lin", "operator")
    token, key = services.token_create(actor=operator, person=operator, name="scripts")
    assert key not in Token.objects.values_list("digest", flat=True)
    header = {"HTTP_AUTHORIZATION": f"Token {key}"}
    assert client.get("/api/v1/people/me/", **header).json()["username"] == "lin"
    assert client.get("/api/v1/audit/", **header).status_code == 403
    services.token_revoke(actor=operator, token=token)
    answer = client.get("/api/v1/people/me/", **header)
    assert answer.status_code == 401
    assert "revoked" in answer.json()["detail"]


@pytest.mark.django_db
def test_pages_and_api_ask_to_sign_in(client: Client) -> None:
    assert client.get("/audit/").status_code == 302
    assert client.get("/api/v1/audit/").status_code == 401


@pytest.mark.django_db
def test_what_one_may_not_see_is_not_in_the_rail(client: Client) -> None:
    person("lin", "operator")
    client.login(username="lin", password=PASSWORD)
    page = client.get("/people/me/").content.decode()
    assert "Audit log" not in page
    assert client.get("/audit/").status_code == 403
