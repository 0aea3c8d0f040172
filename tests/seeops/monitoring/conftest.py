from __future__ import annotations

from collections.abc import Iterator

import pytest

from seeops.monitoring import prometheus
from tests.prometheus_stub import PrometheusStub, running


@pytest.fixture
def stub(settings) -> Iterator[PrometheusStub]:
    """A stand-in for Prometheus, and nothing remembered from earlier tests."""
    with running() as server:
        settings.PROMETHEUS_URL = server.url
        prometheus.forget()
        yield server
        prometheus.forget()
