"""What the supervisor is told to run."""

from __future__ import annotations

import configparser
from pathlib import Path

from seeops.bootstrap.paths import Instance
from seeops.bootstrap.programs import Program, configuration, programs

EVERYTHING = {"postgres", "valkey", "prometheus", "alertmanager"}


def parsed(instance: Instance, wanted: list[Program]) -> configparser.ConfigParser:
    text = configuration(instance, wanted, {"SEEOPS_ROOT": "/somewhere"}, "rpc-password", user="")
    parser = configparser.ConfigParser()  # with supervisor's meaning of %
    parser.read_string(text)
    return parser


def test_all_parts_run_and_outside_parts_do_not(tmp_path) -> None:
    instance = Instance(tmp_path, 24000)
    names = {program.name for program in programs(instance, EVERYTHING)}
    assert names == {
        "postgres",
        "valkey",
        "cluster",
        "web",
        "worker",
        "worker-release",
        "beat",
        "prometheus",
        "alertmanager",
    }
    assert {program.name for program in programs(instance, set())} == {
        "cluster",
        "web",
        "worker",
        "worker-release",
        "beat",
    }


def test_parts_stop_in_the_opposite_order_of_what_they_need(tmp_path) -> None:
    order = {program.name: program.priority for program in programs(Instance(tmp_path, 24000), EVERYTHING)}
    assert order["postgres"] < order["web"] < order["worker"] < order["beat"]
    assert order["cluster"] < order["worker"]


def test_releases_have_two_workers_one_of_them_their_own(tmp_path) -> None:
    commands = {program.name: program.command for program in programs(Instance(tmp_path, 24000), EVERYTHING)}
    queues = {name: command[command.index("-Q") + 1] for name, command in commands.items() if "worker" in command}
    assert queues == {"worker": "default,release", "worker-release": "release"}
    assert len({command[-1] for command in commands.values() if "worker" in command}) == 2


def test_paths_with_percent_and_space_survive(tmp_path) -> None:
    instance = Instance(Path("/with space/100%"), 24000)
    parser = parsed(instance, [Program("web", ["/with space/python", "100%"], 1)])
    assert parser["program:web"]["command"] == '"/with space/python" 100%'
    assert parser["program:web"]["stdout_logfile"] == "/with space/100%/log/web.log"


def test_everything_restarts_and_writes_bounded_logs(tmp_path) -> None:
    instance = Instance(tmp_path, 24000)
    parser = parsed(instance, programs(instance, EVERYTHING))
    sections = [parser[name] for name in parser.sections() if name.startswith("program:")]
    assert len(sections) == 9
    assert all(section["autorestart"] == "true" for section in sections)
    assert all(section["stdout_logfile_maxbytes"] == "10MB" for section in sections)


def test_everything_listens_on_loopback_only(tmp_path) -> None:
    instance = Instance(tmp_path, 24000)
    text = configuration(instance, programs(instance, EVERYTHING), {"SEEOPS_ROOT": "/x"}, "p", user="")
    assert "0.0.0.0" not in text
    assert "127.0.0.1:24005" in text
