"""Secrets in log lines are taken out before anything is written; ordinary lines stay as they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

FILE = Path("playbooks/collections/ansible_collections/seeops/nodes/plugins/module_utils/redaction.py")
spec = importlib.util.spec_from_file_location("redaction", Path(__file__).parents[2] / FILE)
redaction = importlib.util.module_from_spec(spec)
spec.loader.exec_module(redaction)

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmN"


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("login password=hunter2 ok", "hunter2"),
        ('{"db_password": "hunter2", "user": "lin"}', "hunter2"),
        ("api_key: hunter2", "hunter2"),
        ("PASSWD='hunter2'", "hunter2"),
        ("Authorization: Bearer hunter2hunter2", "hunter2"),
        ("connect postgresql://lin:hunter2@db/orders", "hunter2"),
        (f"got {TOKEN}", TOKEN),
        ("client_secret=hunter2&next=1", "hunter2"),
    ],
)
def test_a_secret_is_taken_out_and_counted(line, secret):
    lines, changed = redaction.redacted([line])
    assert secret not in lines[0] and changed == 1
    assert redaction.redacted(lines)[0] == lines


def test_a_private_key_is_taken_out_from_its_first_line_to_its_last():
    key = ["before", "-----BEGIN RSA PRIVATE KEY-----", "MIIEow", "-----END RSA PRIVATE KEY-----", "after"]
    lines, changed = redaction.redacted(key)
    assert lines == ["before", *[redaction.PLACEHOLDER] * 3, "after"] and changed == 3


def test_ordinary_lines_stay():
    ordinary = [
        "2026-01-12T09:30:00.000+00:00 INFO quote-push 1.0.0 is up",
        "12 requests failed since the last report",
        "",
    ]
    assert redaction.redacted(ordinary) == (ordinary, 0)
