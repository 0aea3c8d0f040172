"""What apt says is read right; apt keeps its state where no root is needed."""

from __future__ import annotations

import pytest

from seeops.bootstrap import debian, tools
from seeops.bootstrap.errors import SetupError

SIMULATION = """NOTE: This is only a simulation!
Reading package lists...
The following NEW packages will be installed:
  chromium chromium-common libminizip1
Inst libminizip1 (1:1.2.13.dfsg-1 Debian:12.11/stable [amd64])
Inst chromium-common (150.0-1 Debian-Security:12/stable-security [amd64])
Inst chromium (150.0-1 Debian-Security:12/stable-security [amd64])
Conf libminizip1 (1:1.2.13.dfsg-1 Debian:12.11/stable [amd64])
"""


def test_missing_packages_are_read_from_the_simulation() -> None:
    assert debian.parse_simulation(SIMULATION) == ["libminizip1", "chromium-common", "chromium"]


def test_state_of_our_own_knows_what_is_installed(tmp_path) -> None:
    options = debian.own_state_options(tmp_path)
    assert f"Dir::State={tmp_path}" in options
    assert "Dir::State::status=/var/lib/dpkg/status" in options
    assert (tmp_path / "lists" / "partial").is_dir()


def test_alertmanager_finds_its_templates_where_it_was_unpacked() -> None:
    program = b"..xx/usr/share/prometheus/alertmanageryy/usr/share/prometheus/alertmanager/ui/zz"
    moved = tools.relocate_alertmanager(program)
    assert moved == b"..xxusr/share/prometheus/alertmanager/yy/usr/share/prometheus/alertmanager/ui/zz"


def test_unknown_alertmanager_is_left_alone_with_the_way_out() -> None:
    with pytest.raises(SetupError, match="install the package prometheus-alertmanager"):
        tools.relocate_alertmanager(b"another program")
