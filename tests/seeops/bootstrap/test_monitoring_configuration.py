"""Templates of Prometheus and Alertmanager give valid configurations; rules are valid and say unknown where nothing is known."""

from __future__ import annotations

import subprocess

import pytest

from seeops.bootstrap import credentials, monitoring, surroundings, tools
from seeops.bootstrap.errors import SetupError
from seeops.bootstrap.files import write_atomic
from seeops.bootstrap.paths import Instance

RULE_TEST = """
rule_files: [{rules}]
evaluation_interval: 10s
tests:
  - interval: 10s
    input_series:
      - series: 'trading_requests_total{{service="quote-push",centre="SZ-A",domain="market",version="1.0.0",node="a"}}'
        values: '0+100x30'
      - series: 'trading_requests_total{{service="quote-push",centre="SZ-A",domain="market",version="1.0.0",node="b"}}'
        values: '0+100x30'
      - series: 'trading_request_errors_total{{service="quote-push",centre="SZ-A",domain="market",version="1.0.0",node="a"}}'
        values: '0+2x30'
      - series: 'trading_requests_total{{service="silent",centre="SZ-A",domain="market",version="1.0.0",node="c"}}'
        values: '7+0x30'
      - series: 'trading_request_errors_total{{service="silent",centre="SZ-A",domain="market",version="1.0.0",node="c"}}'
        values: '0+0x30'
      - series: 'trading_client_requests_total{{chain="order",outcome="ok"}}'
        values: '0+90x30'
      - series: 'trading_client_requests_total{{chain="order",outcome="rejected_risk"}}'
        values: '0+5x30'
      - series: 'trading_client_requests_total{{chain="order",outcome="unknown"}}'
        values: '0+5x30'
      - series: 'trading_client_requests_total{{chain="quote",outcome="ok"}}'
        values: '0+10x30'
    promql_expr_test:
      - expr: service:trading_requests:rate1m{{service="quote-push"}}
        eval_time: 3m
        exp_samples:
          - labels: service:trading_requests:rate1m{{service="quote-push", domain="market"}}
            value: 20
      - expr: service_version:trading_error_ratio:rate1m
        eval_time: 3m
        exp_samples:
          - labels: service_version:trading_error_ratio:rate1m{{service="quote-push", domain="market", version="1.0.0"}}
            value: 0.01
      - expr: chain:trading_client_error_ratio:rate1m
        eval_time: 3m
        exp_samples:
          - labels: chain:trading_client_error_ratio:rate1m{{chain="order"}}
            value: 0.05
          - labels: chain:trading_client_error_ratio:rate1m{{chain="quote"}}
            value: 0
"""


@pytest.fixture
def written(tmp_path) -> Instance:
    instance = Instance(tmp_path / "var with space", 24000)
    values = surroundings.variables(instance, credentials.load_secrets(instance), {})
    monitoring.write_configuration(instance, values)
    return instance


def test_configurations_pass_the_tools_own_checks(written: Instance) -> None:
    monitoring.check_configuration(written)


def test_invalid_configuration_is_one_sentence(written: Instance) -> None:
    write_atomic(written.run / "prometheus.yml", "scrape_configs: nonsense\n")
    with pytest.raises(SetupError, match="dashboards/prometheus is not valid"):
        monitoring.check_configuration(written)


def test_token_is_in_its_file_only(written: Instance) -> None:
    token = (written.run / "machine-token").read_text()
    assert token not in (written.run / "prometheus.yml").read_text()
    assert (written.run / "machine-token").stat().st_mode & 0o077 == 0


def test_recorded_ratios_are_right_and_absent_without_traffic(tmp_path) -> None:
    test = tmp_path / "recording_test.yml"
    test.write_text(RULE_TEST.format(rules=monitoring.RULES / "recording.yml"))
    done = subprocess.run(
        [tools.prometheus("promtool"), "test", "rules", test], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
