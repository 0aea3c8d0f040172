"""The worker outlives its broker."""

from __future__ import annotations

import pytest
from kombu import Connection

from seeops import celery


@pytest.fixture
def working_on(valkey_url: str):
    """A connection with a message that was taken and not acknowledged, on its channel."""
    connection = Connection(valkey_url)
    queue = connection.SimpleQueue("survival-of-the-broker")
    queue.put({"poke": 1})
    message = queue.get(timeout=5)
    yield connection, message
    connection.release()
    with Connection(valkey_url) as after:
        after.SimpleQueue("survival-of-the-broker").clear()


def test_a_channel_closes_although_its_connection_is_gone(working_on) -> None:
    connection, message = working_on
    channel = message.channel
    assert isinstance(channel.qos, celery.UnackedOfTheLiving)
    client, connection.transport.client = connection.transport.client, None
    channel.close()
    connection.transport.client = client
    assert channel.closed


@pytest.mark.parametrize("end", ["ack", "reject", "requeue"])
def test_a_task_may_end_after_its_channel_was_closed(working_on, end: str) -> None:
    _connection, message = working_on
    message.channel.close()
    assert message.channel.connection is None
    getattr(message, end)()
    assert message.acknowledged


def test_what_was_not_acknowledged_goes_back_while_the_broker_lives(working_on, valkey_url: str) -> None:
    _connection, message = working_on
    message.channel.close()
    with Connection(valkey_url) as another:
        assert another.SimpleQueue("survival-of-the-broker").get(timeout=5).payload == {"poke": 1}
