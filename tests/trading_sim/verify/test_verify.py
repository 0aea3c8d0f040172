"""`verify` accepts honest runs and rejects every kind of broken one, naming what is wrong."""

import argparse
import json

import numpy as np
import pytest

from tests.trading_sim.verify.run_world import CENTRES, CLIENT, CONFIG, Run, restamp
from trading_sim.cluster import verify as verify_module
from trading_sim.cluster.verify import as_text, run, verify
from trading_sim.load import lane as lane_module
from trading_sim.load.history import segment_paths
from trading_sim.protocol.records import COMMAND
from trading_sim.shard.entries import BATCH, make_entry


def judged(folder):
    return verify(folder, lambda done, total: None)


def failed(report) -> dict[str, list[str]]:
    """Names of failed checks with their problems."""
    assert report["ok"] is False
    return {
        check["name"]: check["problems"] for shard in report["shards"] for check in shard["checks"] if not check["ok"]
    }


@pytest.fixture
def finished(tmp_path, monkeypatch):
    monkeypatch.setattr(lane_module, "RETRY_FIRST_S", 0.0)
    made = Run(tmp_path)
    made.trade()
    return made


def changed(entry, **changes):
    """An entry with other commands or header fields."""
    values = {
        name: getattr(entry, name)
        for name in ("term", "index", "kind", "now_ns", "next_seq", "next_order_id", "client_id", "request", "commands")
    }
    return make_entry(**{**values, **changes})


def a_trading_entry(run_) -> int:
    """Position of a batch of customers in the middle of the run."""
    return next(
        n for n, entry in enumerate(run_.shard.entries) if n > 8 and entry.client_id == CLIENT and entry.count > 3
    )


def test_an_honest_run_holds_and_every_check_looked_at_something(finished):
    finished.write_all()
    finished.write_snapshot("SZ-B", finished.state_after(20))
    report = judged(finished.folder)
    assert report["ok"], as_text(report)
    (shard,) = report["shards"]
    assert shard["day"] == 1
    assert all(check["checked"] > 0 for check in shard["checks"])


def test_a_run_with_retries_and_lost_answers_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(lane_module, "RETRY_FIRST_S", 0.0)
    trouble = ["reply", None, "void", None, "down", None, "open", None] * 3
    made = Run(tmp_path)
    made.trade(mishap=lambda centre, request: trouble.pop() if trouble else None)
    made.write_all()
    report = judged(tmp_path)
    assert report["ok"], as_text(report)


def test_a_run_whose_beginning_is_only_in_snapshots_holds(finished):
    for centre in CENTRES:
        finished.write_snapshot(centre, finished.state_after(12))
        finished.write(centre, after=12)
    report = judged(finished.folder)
    assert report["ok"], as_text(report)
    assert report["shards"][0]["from_entry"] == 13


def test_one_missing_replica_does_not_matter_and_a_short_one_neither(finished):
    finished.write("SZ-A")
    finished.write("SZ-B", finished.shard.entries)
    finished.write("WH-A", finished.shard.entries[:10])
    assert judged(finished.folder)["ok"]


def test_a_lost_acknowledged_order_is_found(finished):
    position = a_trading_entry(finished)
    entries = restamp(finished.shard.entries[:position] + finished.shard.entries[position + 1 :])
    finished.write_all(entries)
    problems = failed(judged(finished.folder))
    assert any(text.startswith("lost: ") for text in problems["acknowledged"])
    assert any("lost" in text for text in problems["account-counts"])


def test_an_acknowledged_order_on_one_replica_only_is_lost(finished):
    finished.write("SZ-A")
    for centre in ("SZ-B", "WH-A"):
        finished.write(centre, finished.shard.entries[:-1])
    assert any("lost: " in text for text in failed(judged(finished.folder))["acknowledged"])


def test_a_duplicated_execution_is_found(finished):
    position = a_trading_entry(finished)
    twin = changed(finished.shard.entries[position], request=10**6)
    finished.write_all(restamp([*finished.shard.entries, twin]))
    problems = failed(judged(finished.folder))
    assert "which was never sent" in problems["nothing-unsent"][0]
    assert any("twice" in text for text in problems["account-counts"])


def test_a_replica_that_executed_a_repeated_request_is_found(finished):
    position = a_trading_entry(finished)
    repeated = restamp([*finished.shard.entries, finished.shard.entries[position]])
    finished.shard.entries = repeated
    finished.write_all()
    assert judged(finished.folder)["ok"], "the journal may hold a request twice: the session table answers the second"
    state = finished.state_after(len(repeated) - 1)
    state.sessions = type(state.sessions)()
    state.apply(repeated[-1])
    finished.write_snapshot("WH-A", state)
    assert "WH-A's snapshot" in failed(judged(finished.folder))["state-hashes"][0]


def test_tampered_cash_in_a_snapshot_is_found(finished):
    finished.write_all()
    state = finished.state_after(20)
    state.machine.desk.accounts["cash"][3] += 1_000_000
    finished.write_snapshot("SZ-A", state)
    problems = failed(judged(finished.folder))
    assert "(+1000000)" in problems["conservation"][0]
    assert "SZ-A's snapshot" in problems["state-hashes"][0]


def test_cash_moved_between_accounts_is_found_though_it_adds_up(finished):
    finished.write_all()
    state = finished.state_after(20)
    state.machine.desk.accounts["cash"][3] += 500
    state.machine.desk.accounts["cash"][4] -= 500
    finished.write_snapshot("SZ-A", state)
    assert set(failed(judged(finished.folder))) == {"state-hashes"}


def test_a_diverged_replica_is_found(finished):
    position = a_trading_entry(finished)
    entry = finished.shard.entries[position]
    commands = np.frombuffer(entry.commands, COMMAND).copy()
    commands["qty"][0] += 100
    other = list(finished.shard.entries)
    other[position] = changed(entry, commands=commands.tobytes())
    finished.write("SZ-A")
    finished.write("SZ-B")
    finished.write("WH-A", other)
    assert f"different entries {entry.index} of the same term" in failed(judged(finished.folder))["logs-agree"][0]


def test_an_altered_order_on_all_replicas_is_found(finished):
    position = a_trading_entry(finished)
    entry = finished.shard.entries[position]
    commands = np.frombuffer(entry.commands, COMMAND).copy()
    commands["account"][0] = commands["account"][0] % 400 + 1
    entries = list(finished.shard.entries)
    entries[position] = changed(entry, commands=commands.tobytes())
    finished.write_all(entries)
    assert "acknowledged" in failed(judged(finished.folder))


def test_reordered_requests_of_an_account_are_found(finished):
    mine = [n for n, entry in enumerate(finished.shard.entries) if entry.client_id == CLIENT and entry.kind == BATCH]
    entries = list(finished.shard.entries)
    first, second = mine[1], mine[2]
    entries[first], entries[second] = entries[second], entries[first]
    finished.write_all(restamp(entries))
    assert "after the later operation" in failed(judged(finished.folder))["account-order"][0]


def test_order_ids_given_twice_are_found(finished):
    position = a_trading_entry(finished)
    entry = finished.shard.entries[position]
    earlier = next(e for e in finished.shard.entries if e.kind == BATCH)
    commands = np.frombuffer(entry.commands, COMMAND).copy()
    new = np.flatnonzero(commands["kind"] == 1)[0]
    commands["order_id"][new] = np.frombuffer(earlier.commands, COMMAND)["order_id"][0]
    entries = list(finished.shard.entries)
    entries[position] = changed(entry, commands=commands.tobytes())
    finished.write_all(entries)
    assert "was given before" in failed(judged(finished.folder))["unique-ids"][0]


def test_a_corrupt_journal_is_found(finished):
    finished.write_all()
    journal = finished.folder / "shards" / "shard-0-WH-A" / "journal"
    path = sorted(journal.glob("segment-*.log"))[0]
    data = bytearray(path.read_bytes())
    data[2000] ^= 0xFF
    path.write_bytes(bytes(data))
    assert "is corrupt" in failed(judged(finished.folder))["journals-readable"][0]


def test_a_loss_that_the_customers_found_themselves_is_reported(finished):
    finished.write_all()
    path = segment_paths(finished.folder / "load" / "history")[-1]
    lines = path.read_text().splitlines()
    last = json.loads(lines[-1])
    last["state"]["lost"] = 2
    path.write_text("\n".join([*lines[:-1], json.dumps(last)]) + "\n")
    assert judged(finished.folder)["ok"] is False


@pytest.mark.parametrize("missing", ["shards/shard-0.json", "load/history/history-00000001.jsonl", "replicas"])
def test_what_is_missing_makes_a_run_unverifiable_not_good(finished, capsys, missing):
    if missing != "replicas":
        finished.write_all()
        (finished.folder / missing).unlink()
    assert run(argparse.Namespace(state=finished.folder, json=True)) == 2
    out = capsys.readouterr()
    assert json.loads(out.out)["ok"] is None
    assert out.err.count("\n") == 1


def test_exit_codes_and_text(finished, capsys):
    finished.write_all()
    assert run(argparse.Namespace(state=finished.folder, json=False)) == 0
    assert "everything holds" in capsys.readouterr().out
    finished.write_snapshot("SZ-A", finished.state_after(20))
    path = next((finished.folder / "shards" / "shard-0-SZ-A").glob("snapshot-*"))
    path.write_bytes(path.read_bytes()[:-3])
    assert run(argparse.Namespace(state=finished.folder, json=False)) == 1
    assert "FAIL every replica's journal and snapshots are whole" in capsys.readouterr().out


def test_running_replicas_are_asked_for_their_hashes(finished, monkeypatch):
    finished.write_all()
    state = finished.state_after(len(finished.shard.entries))
    wrong = verify_module.Probe("SZ-A now", state.index, state.state_hash() ^ 1)
    monkeypatch.setattr(verify_module, "_live_probes", lambda folder, shard: [wrong])
    assert "SZ-A now has" in failed(judged(finished.folder))["state-hashes"][0]
    assert CONFIG.shard == 0
