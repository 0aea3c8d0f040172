"""The files of one node: release store with `current`, configuration, log. Everything here survives the process."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from trading_sim.nodes import files, settings
from trading_sim.nodes.package_file import Behaviour, Package, PackageError

LOG_LIMIT_BYTES = 4 * 2**20
READ_LIMIT_BYTES = 512 * 1024


@dataclass
class NodeStore:
    """Files under `root` (DIR/nodes/<name>). Methods raise OSError when the disk says no."""

    root: Path
    service: str

    @property
    def releases(self) -> Path:
        return self.root / "releases"

    @property
    def current(self) -> Path:
        return self.root / "current"

    @property
    def config_file(self) -> Path:
        return self.root / "config" / "app.conf"

    @property
    def log_file(self) -> Path:
        return self.root / "log" / "app.log"

    def installed(self) -> bool:
        return self.current.is_symlink() and self.config_file.exists()

    def install(self, package: Package) -> None:
        """First installation: folders, the first release as current, its default configuration."""
        for folder in (self.releases, self.config_file.parent, self.log_file.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.stage(package)
        if not self.config_file.exists():
            self.write_config(package.files["conf/app.conf"].decode())
        self.switch(package.version)

    def staged(self) -> list[str]:
        return sorted(entry.name for entry in self.releases.iterdir() if not entry.name.endswith(".tmp"))

    def stage(self, package: Package) -> bool:
        """Unpack a verified package; False when this version is there already. A crash leaves the old state or the new."""
        target = self.releases / package.version
        if target.exists():
            if json.loads((target / "manifest.json").read_bytes()) != package.manifest:
                raise PackageError("version_conflict", f"version {package.version} is staged here with other content")
            return False
        beside = self.releases / f"{package.version}.tmp"
        if beside.exists():
            shutil.rmtree(beside)
        for folder in sorted({(beside / path).parent for path in (*package.files, "manifest.json")}):
            folder.mkdir(parents=True, exist_ok=True)
        for path, data in package.files.items():
            files.write(beside / path, data)
        files.write(beside / "manifest.json", json.dumps(package.manifest).encode())
        beside.rename(target)
        return True

    def version(self) -> str:
        return self.current.readlink().name

    def switch(self, version: str) -> None:
        """Make a staged version current, atomically. Raises PackageError when it is not staged."""
        if not (self.releases / version / "manifest.json").exists():
            raise PackageError(
                "unknown_version", f"version {version} is not staged here; staged: {', '.join(self.staged())}"
            )
        beside = self.root / "current.tmp"
        beside.unlink(missing_ok=True)
        beside.symlink_to(Path("releases") / version)
        beside.replace(self.current)

    def behaviour(self) -> Behaviour:
        return Behaviour.parse((self.current / "behaviour.json").read_bytes())

    def config_schema(self) -> dict:
        return json.loads((self.current / "manifest.json").read_bytes())["config_schema"]

    def read_config(self) -> str:
        return self.config_file.read_text(encoding="utf-8")

    def config_digest(self) -> str:
        """Digest of the configuration file as it lies there now."""
        return settings.digest(self.read_config())

    def write_config(self, content: str) -> str:
        """Replace the configuration atomically; returns its digest."""
        beside = self.config_file.with_suffix(".tmp")
        beside.write_text(content, encoding="utf-8")
        beside.replace(self.config_file)
        return settings.digest(content)

    def append_log(self, text: str) -> None:
        """Add lines to the log; a log that reached its limit begins anew and the old one is kept as app.log.1."""
        if files.append(self.log_file, text.encode()) > LOG_LIMIT_BYTES:
            self.log_file.replace(self.log_file.with_name("app.log.1"))

    def read_log(self, offset: int, limit: int, *, previous: bool = False) -> dict:
        """Up to `limit` whole lines from byte `offset` (negative: counted from the end, from the next line on); `previous` reads
        the log before the present one."""
        file_path = self.log_file.with_name("app.log.1") if previous else self.log_file
        size = file_path.stat().st_size if file_path.exists() else 0
        if offset > size:
            offset = 0  # the log began anew since
        start = offset if offset >= 0 else max(0, size + offset)
        if size == 0:
            return {"offset": 0, "next_offset": 0, "size": 0, "lines": []}
        with file_path.open("rb") as file:
            file.seek(start)
            if offset < 0 and start > 0:
                start += len(file.readline())
            data = file.read(READ_LIMIT_BYTES)
        lines = data[: data.rfind(b"\n") + 1].splitlines(keepends=True)[:limit]
        text = [line.decode("utf-8", "replace").rstrip("\n") for line in lines]
        return {"offset": start, "next_offset": start + sum(map(len, lines)), "size": size, "lines": text}
