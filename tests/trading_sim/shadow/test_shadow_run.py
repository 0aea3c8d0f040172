"""A shadow run calls equal versions identical, finds a changed rule and says in words where, and judges nothing that it cannot read."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trading_sim.verify.run_world import CENTRES, CONFIG, Run
from trading_sim.cli import main
from trading_sim.cluster.shadow.run import DIFFERENT, IDENTICAL, NOT_JUDGED, exit_code, shadow_run
from trading_sim.load import lane as lane_module
from trading_sim.nodes.packages import EDITIONS, editions, file_name, package_bytes
from trading_sim.shard.journal import recover
from trading_sim.sim.real import RealFiles

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A finished run with three replicas' journals; tests copy what they change."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lane_module, "RETRY_FIRST_S", 0.0)
        made = Run(tmp_path_factory.mktemp("run"))
        made.trade()
    made.write_all()
    return made


@pytest.fixture
def folder(world, tmp_path):
    shutil.copytree(world.folder / "shards", tmp_path / "shards")
    return tmp_path / "shards"


def replayed(folder, **other):
    return shadow_run(folder / "shard-0-SZ-A", folder / "shard-0.json", **other)


def package(folder, version) -> Path:
    path = folder / file_name("matching", version)
    path.write_bytes(package_bytes("matching", next(e for e in editions("matching") if e.version == version)))
    return path


def test_the_same_version_is_identical_and_all_of_it_was_compared(folder, world):
    report = replayed(folder)
    assert report["same"] is True, report["text"]
    assert report["entries"] == len(world.shard.entries)
    assert report["journal"]["committed"] == "majority"
    assert report["events"] > 100
    assert report["state_hashes"] >= 1
    assert report["stream_sha256"]["ours"] == report["stream_sha256"]["theirs"]


def test_a_package_without_any_rules_is_identical_too(folder, tmp_path):
    assert replayed(folder, package=package(tmp_path, "1.4.0"))["same"] is True


def test_a_package_without_changed_rules_is_identical(folder, tmp_path):
    report = replayed(folder, package=package(tmp_path, "1.5.0"))
    assert report["same"] is True, report["text"]
    assert report["candidate"]["name"] == "matching 1.5.0"


def test_a_package_that_changes_a_rule_is_found_and_named(folder, tmp_path):
    report = replayed(folder, package=package(tmp_path, "1.6.0"))
    assert exit_code(report) == DIFFERENT
    first = report["differences"][0]
    assert "refused by pre-trade risk: price collar" in first["theirs"]
    assert "ACCEPTED order" in first["ours"]
    assert "'s new order" in first["command"]
    assert f"Entry {first['entry']}, command {first['seq']}, account " in report["text"]
    assert report["differing_entries"] >= 1
    collar = [kind for kind in report["kinds"] if kind.endswith("→ refused: price collar")]
    assert collar, report["kinds"]
    assert all(kind.startswith("NEW ") for kind in collar)
    assert sum(report["kinds"].values()) >= report["differing_entries"]
    assert not report["more_kinds"]
    assert replayed(folder, package=package(tmp_path, "1.6.0"))["kinds"] == report["kinds"], "the same every time"


def test_the_twin_is_identical(folder):
    report = replayed(folder, against="twin")
    assert report["same"] is True, report["text"]


def another_version(folder: Path) -> Path:
    """A version that differs from this one in a single file, shard/state.py; all others, and their compiled form, are this one's."""
    for package in ("trading_sim", "trading_sim/shard"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text(f"__path__.append({str(ROOT / package)!r})\n")
    state = folder / "trading_sim" / "shard" / "state.py"
    state.write_text((ROOT / "trading_sim" / "shard" / "state.py").read_text())
    return state


def test_the_code_of_another_folder_is_run_in_a_process_of_its_own(folder, tmp_path):
    state = another_version(tmp_path / "other")
    other = str(tmp_path / "other")
    assert replayed(folder, against=other)["same"] is True
    text = state.read_text()
    assert "return self.machine.state_hash()" in text
    state.write_text(text.replace("return self.machine.state_hash()", "return 1 ^ self.machine.state_hash()", 1))
    report = replayed(folder, against=other)
    assert report["same"] is False, report["text"]
    assert "the states differ" in report["text"]
    state.write_text("raise SystemExit('broken on purpose')\n")
    broken = replayed(folder, against=other)
    assert exit_code(broken) == NOT_JUDGED
    assert "broken on purpose" in broken["why"]


def test_a_journal_that_is_being_written_is_read_to_its_last_whole_committed_entry(folder):
    for centre in CENTRES:
        path = sorted((folder / f"shard-0-{centre}" / "journal").glob("segment-*.log"))[-1]
        data = path.read_bytes()
        end = len(data.rstrip(b"\0"))
        path.write_bytes(data[: end - 30] + b"\0" * 30 if centre != "WH-A" else data)
    held = [recover(RealFiles(), str(folder / f"shard-0-{c}" / "journal")).entries[-1].index for c in CENTRES]
    report = replayed(folder)
    assert report["same"] is True
    assert report["journal"]["to_entry"] == min(held) < max(held)


def test_a_replica_alone_is_replayed_and_said_to_be_unproven(folder):
    for centre in ("SZ-B", "WH-A"):
        shutil.rmtree(folder / f"shard-0-{centre}")
    report = replayed(folder)
    assert report["same"] is True
    assert "nobody proved" in report["text"]


def test_a_journal_behind_a_snapshot_continues_it_under_the_new_rules(world, tmp_path):
    made = Run.__new__(Run)
    made.folder, made.shard, made.flow = tmp_path, world.shard, world.flow
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "shard-0.json").write_text(CONFIG.to_json())
    for centre in CENTRES:
        made.write_snapshot(centre, made.state_after(12))
        made.write(centre, after=12)
    same = replayed(tmp_path / "shards", package=package(tmp_path, "1.5.0"))
    assert same["same"] is True, same["text"]
    assert same["journal"]["base_entry"] == 12
    assert replayed(tmp_path / "shards", package=package(tmp_path, "1.6.0"))["same"] is False


@pytest.mark.parametrize("what", ["config", "journal", "package", "rules", "corrupt", "folder"])
def test_what_cannot_be_read_is_neither_equal_nor_different(folder, tmp_path, what):
    other = {}
    if what == "config":
        (folder / "shard-0.json").write_text("{}")
    elif what == "journal":
        shutil.rmtree(folder / "shard-0-SZ-A" / "journal")
    elif what == "package":
        other["package"] = tmp_path / "matching-1.0.0.tar.gz"
        other["package"].write_bytes(b"no package")
    elif what == "rules":
        (folder / "shard-0.json").write_text(CONFIG.to_json())
        edition = replace(EDITIONS[0], version="9.0.0", rules={"limits": {"no_such_limit": 1}})
        other["package"] = tmp_path / "matching-9.0.0.tar.gz"
        other["package"].write_bytes(package_bytes("matching", edition))
    elif what == "corrupt":
        for centre in CENTRES[1:]:
            shutil.rmtree(folder / f"shard-0-{centre}")
        path = sorted((folder / "shard-0-SZ-A" / "journal").glob("segment-*.log"))[0]
        data = bytearray(path.read_bytes())
        data[2000] ^= 0xFF
        path.write_bytes(bytes(data))
    else:
        other["against"] = str(tmp_path)
    report = replayed(folder, **other)
    assert exit_code(report) == NOT_JUDGED, report["text"]
    assert report["why"]
    assert report["text"].startswith("Cannot be judged: ")


def test_the_command_prints_and_exits_as_documented(folder, tmp_path, capsys):
    words = ["replay", "--journal", str(folder / "shard-0-SZ-A"), "--config", str(folder / "shard-0.json")]
    assert main([*words, "--report", str(tmp_path / "report.json")]) == IDENTICAL
    assert "gives the same bytes for shard 0" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["same"] is True
    assert main([*words, "--package", str(package(tmp_path, "1.6.0")), "--json"]) == DIFFERENT
    assert json.loads(capsys.readouterr().out)["same"] is False
    assert main([*words, "--against", str(tmp_path / "nothing")]) == NOT_JUDGED
    assert "Cannot be judged" in capsys.readouterr().err
