"""The hash chain: every alteration shows, at the record where it happened."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction
from hypothesis import given
from hypothesis import strategies as st

from seeops.accounts.models import Person
from seeops.audit import chain, selectors, services
from seeops.audit.models import AuditRecord

TEXT = st.text(max_size=20)


def _chain_of(labels: list[str]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    previous = chain.GENESIS
    for number, label in enumerate(labels, 1):
        record = {
            "seq": number, "at": "2026-01-05T01:30:00.000000+00:00", "actor_name": "lin", "action": "node.drain",
            "object_type": "inventory.node", "object_id": str(number), "object_label": label, "reason": "", "before": None,
            "after": {"label": label}, "request_id": "",
        }  # fmt: skip
        digest = chain.link(previous, record)
        rows.append({**record, "previous_hash": previous, "hash": digest})
        previous = digest
    return rows


@given(st.lists(TEXT, min_size=1, max_size=8))
def test_an_untouched_chain_holds(labels: list[str]) -> None:
    assert chain.first_break(_chain_of(labels)) is None


@given(st.lists(TEXT, min_size=1, max_size=8), st.data())
def test_an_altered_record_is_named(labels: list[str], data: st.DataObject) -> None:
    rows = _chain_of(labels)
    at = data.draw(st.integers(0, len(rows) - 1))
    rows[at]["object_label"] = str(rows[at]["object_label"]) + "x"
    broken = chain.first_break(rows)
    assert broken == chain.Break(at + 1, "was altered after it was written")


@given(st.lists(TEXT, min_size=2, max_size=8), st.data())
def test_a_removed_record_is_named(labels: list[str], data: st.DataObject) -> None:
    rows = _chain_of(labels)
    at = data.draw(st.integers(0, len(rows) - 2))
    del rows[at]
    broken = chain.first_break(rows)
    assert broken is not None
    assert broken.seq == at + 2


@pytest.mark.django_db
def test_the_database_refuses_to_change_or_delete_a_record() -> None:
    record = services.note(actor=None, action="setup.test", obj=("test", "1", "object"))
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        AuditRecord.objects.filter(pk=record.pk).update(reason="altered")
    with pytest.raises(DatabaseError, match="append_only"), transaction.atomic():
        record.delete()
    assert selectors.verify_chain().intact


@pytest.mark.django_db
def test_a_record_outside_the_transaction_of_its_change_is_refused(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="inside the transaction"):
        services.record(actor=None, action="setup.test", obj=("test", "1", "object"))


@pytest.mark.django_db
def test_records_keep_awkward_values_and_the_chain_still_verifies() -> None:
    person = Person.objects.create(username="lin", display_name="林", roles=["operator"])
    services.note(
        actor=person, action="test.big", obj=("test", "1", "对象"), number=2**63, nested={"a": [1, 2**60]}, ratio=0.1
    )
    report = selectors.verify_chain()
    assert report.intact
    assert report.records == 1
    assert AuditRecord.objects.get().after["number"] == str(2**63)
