"""Addresses given from outside replace the embedded parts; everything else is generated once and kept."""

from __future__ import annotations

import stat

import pytest

from seeops.bootstrap import credentials, surroundings
from seeops.bootstrap.errors import SetupError
from seeops.bootstrap.paths import Instance


@pytest.fixture
def instance(tmp_path) -> Instance:
    return Instance(tmp_path / "var", 24000)


def test_without_outside_addresses_everything_is_embedded() -> None:
    assert surroundings.embedded_parts({}) == {"postgres", "valkey", "prometheus", "alertmanager"}


@pytest.mark.parametrize(("name", "part"), surroundings.REPLACEABLE.items())
def test_an_outside_address_replaces_its_part(instance: Instance, name: str, part: str) -> None:
    outside = {name: "scheme://elsewhere:1/0"}
    assert part not in surroundings.embedded_parts(outside)
    values = surroundings.variables(instance, credentials.load_secrets(instance), outside)
    assert values[name] == "scheme://elsewhere:1/0"


def test_outside_valkey_serves_the_broker_in_its_next_database(instance: Instance) -> None:
    values = surroundings.variables(
        instance, credentials.load_secrets(instance), {"VALKEY_URL": "redis://there:6379/4"}
    )
    assert values["CELERY_BROKER_URL"] == "redis://there:6379/5"


def test_another_broker_leaves_valkey_embedded_for_the_live_stream(instance: Instance) -> None:
    outside = {"CELERY_BROKER_URL": "amqp://there//"}
    assert "valkey" in surroundings.embedded_parts(outside)
    values = surroundings.variables(instance, credentials.load_secrets(instance), outside)
    assert values["CELERY_BROKER_URL"] == "amqp://there//"


def test_secrets_and_people_are_kept_and_private(instance: Instance) -> None:
    secrets, people = credentials.load_secrets(instance), credentials.load_people(instance)
    assert credentials.load_secrets(instance) == secrets
    assert credentials.load_people(instance) == people
    assert stat.S_IMODE(instance.secrets.stat().st_mode) == 0o700
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in instance.secrets.iterdir())
    assert len({person["password"] for person in people}) == len({person["token"] for person in people}) == 7


def test_two_instances_share_no_secret_and_no_port(tmp_path) -> None:
    one, two = Instance(tmp_path / "one", 24000), Instance(tmp_path / "two", 24100)
    assert credentials.load_secrets(one) != credentials.load_secrets(two)
    assert not set(one.ports.values()) & set(two.ports.values())


def test_damaged_secrets_are_not_silently_replaced(instance: Instance) -> None:
    credentials.load_secrets(instance)
    (instance.secrets / "secrets.json").write_text('{"django": "abc')
    with pytest.raises(SetupError, match=r"secrets\.json is damaged"):
        credentials.load_secrets(instance)


def test_every_process_is_marked_and_meets_our_python_first(instance: Instance) -> None:
    values = surroundings.variables(instance, credentials.load_secrets(instance), {})
    environment = surroundings.process_environment(instance, values)
    assert environment["SEEOPS_INSTANCE"] == str(instance.var)
    assert environment["PATH"].split(":")[0].endswith(".venv/bin")
