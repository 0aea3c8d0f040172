"""Every reason not to start is one sentence that says what to do."""

from __future__ import annotations

import socket

import pytest

from seeops.bootstrap import checks
from seeops.bootstrap.__main__ import main
from seeops.bootstrap.errors import SetupError


def test_other_python_is_refused_with_the_way_out() -> None:
    with pytest.raises(SetupError, match=r"Python 3\.9.*install python3\.11"):
        checks.check_python((3, 9))


def test_this_python_is_accepted() -> None:
    checks.check_python()


def test_missing_tools_are_named() -> None:
    present = {"apt-get": "/usr/bin/apt-get", "dpkg": "/usr/bin/dpkg"}
    with pytest.raises(SetupError, match="Missing on this machine: apt-cache, setpriv;"):
        checks.check_tools(find=present.get, as_root=True)


def test_setpriv_is_needed_by_root_only() -> None:
    present = dict.fromkeys(checks.TOOLS_ALWAYS, "/usr/bin/x")
    checks.check_tools(find=present.get, as_root=False)


def test_full_disk_is_refused_before_anything_is_written(tmp_path) -> None:
    with pytest.raises(SetupError, match=r"Only 0\.5 GiB are free .* 4 GiB are needed: free some space"):
        checks.check_disk(tmp_path / "not" / "yet", checks.DISK_FOR_SETUP, free_bytes=lambda place: checks.GIB // 2)


def test_disk_is_measured_at_the_nearest_folder_that_exists(tmp_path) -> None:
    asked = []
    checks.check_disk(tmp_path / "not" / "yet", 1, free_bytes=lambda place: asked.append(place) or checks.GIB)
    assert asked == [tmp_path]


def test_busy_port_is_named_with_its_part() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match=rf"Port {port} \(for console\) is used by another program"):
            checks.check_ports({"console": port})


def test_port_of_a_connection_in_time_wait_counts_as_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            connection, _ = server.accept()
            connection.close()
    assert checks.port_is_free(port)


def test_cluster_ports_do_not_overlap_those_of_the_console() -> None:
    ports = checks.cluster_ports(8610)
    assert len(set(ports.values())) == len(ports) == 17
    assert min(ports.values()) == 8610


def test_command_line_prints_the_sentence_and_fails(monkeypatch, capsys) -> None:
    def refuse(*arguments, **keywords) -> None:
        raise SetupError("Port 8600 is used by another program: stop that program.")

    monkeypatch.setattr("seeops.bootstrap.setup.setup", refuse)
    assert main(["setup"]) == 1
    assert capsys.readouterr().err.strip() == "Port 8600 is used by another program: stop that program."


def test_disk_that_fills_on_the_way_is_one_sentence_too(monkeypatch, capsys) -> None:
    def fill(*arguments, **keywords) -> None:
        raise OSError(28, "No space left on device", "/somewhere/file")

    monkeypatch.setattr("seeops.bootstrap.setup.setup", fill)
    assert main(["setup"]) == 1
    assert "The disk of /somewhere/file is full" in capsys.readouterr().err
