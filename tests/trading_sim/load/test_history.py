"""The history's files: bounded, readable after a torn write, refused when somebody else wrote in them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading_sim.load.client_book import ClientBook
from trading_sim.load.history import FIELDS, HistoryError, orders_to_rows, read_records, rows_to_orders, segment_paths
from trading_sim.protocol.records import COMMAND


def book_in(directory, **kwargs):
    return ClientBook(directory, 2, 5, lambda: 1.5, lambda: 64, **kwargs)


def order(account=1, kind=1):
    records = np.zeros(1, dtype=COMMAND)
    records["account"], records["kind"], records["qty"] = account, kind, 100
    return {"cash-order": records}


def finish(book, operation, outcome=0):
    book.ok(operation, {"cash-order": np.array([9])}, {"cash-order": np.array([outcome])})


def test_a_restart_knows_counts_numbers_and_what_is_open(tmp_path):
    book = book_in(tmp_path)
    finish(book, book.invoke(64, 0, order(1)))
    finish(book, book.invoke(64, 0, order(2)), outcome=3)
    book.invoke(65, 1, order(3))
    again = book_in(tmp_path)
    assert again.base_client == 64
    assert (again.invoked.tolist(), again.known.tolist()) == (book.invoked.tolist(), book.known.tolist())
    assert again.known[0].tolist() == [0, 1, 0, 0, 0, 0]
    assert again.invoked.sum() == 2
    assert [(one.client, one.request, one.shard) for one in again.pending.values()] == [(65, 1, 1)]
    assert again.invoke(64, 0, order(1)).request == 3


def test_files_are_bounded_and_the_newest_suffices(tmp_path):
    book = book_in(tmp_path, segment_bytes=2000, segments_kept=3)
    for _ in range(60):
        finish(book, book.invoke(64, 0, order(1)))
    paths = segment_paths(tmp_path)
    assert len(paths) == 3
    assert all(path.stat().st_size < 3500 for path in paths)
    assert book_in(tmp_path).known[0, 1] == 60


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_left_out(tmp_path, cut):
    book = book_in(tmp_path)
    finish(book, book.invoke(64, 0, order(1)))
    path = segment_paths(tmp_path)[-1]
    path.write_bytes(path.read_bytes()[:-cut])
    assert len(book_in(tmp_path).pending) == 1


def test_a_new_file_cut_off_in_its_checkpoint_does_not_count(tmp_path):
    book = book_in(tmp_path)
    finish(book, book.invoke(64, 0, order(1)))
    (tmp_path / "history-00000002.jsonl").write_bytes(b'{"type":"checkpoint","sta')
    assert book_in(tmp_path).known[0, 1] == 1


def test_a_foreign_line_is_refused_with_its_place(tmp_path):
    book_in(tmp_path)
    path = segment_paths(tmp_path)[-1]
    path.write_bytes(path.read_bytes() + b"hello\n")
    with pytest.raises(HistoryError, match="line 2"):
        book_in(tmp_path)


def test_a_history_of_another_cluster_is_refused(tmp_path):
    book_in(tmp_path)
    with pytest.raises(HistoryError, match="does not fit"):
        ClientBook(tmp_path, 3, 5, lambda: 1.0, lambda: 64)


def test_records_tell_the_life_of_an_operation(tmp_path):
    book = book_in(tmp_path)
    operation = book.invoke(64, 0, order(1))
    book.unknown(operation, "no answer")
    finish(book, operation)
    book.fail(book.invoke(64, 0, order(1)), "refused")
    records = [record for record in read_records(segment_paths(tmp_path)) if record["type"] != "checkpoint"]
    assert [(record["type"], record["op"]) for record in records] == [
        ("invoke", 1), ("unknown", 1), ("ok", 1), ("invoke", 2), ("fail", 2),
    ]  # fmt: skip
    assert all(record["t"] == 1.5 for record in records)


@given(
    st.lists(
        st.tuples(
            *[st.integers(0, 200)] * 6,
            st.integers(-(2**62), 2**62),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**64 - 1),
        ),
        min_size=1,
    )
)
def test_orders_survive_as_rows(rows):
    records = np.zeros(len(rows), dtype=COMMAND)
    for name, values in zip(FIELDS, zip(*rows, strict=True), strict=True):
        records[name] = np.array(values, dtype=COMMAND[name])
    text = json.dumps(orders_to_rows({"chain": records}))
    assert rows_to_orders(json.loads(text))["chain"].tobytes() == records.tobytes()
