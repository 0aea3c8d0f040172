"""Where everything lives. Two roots: what all instances of a checkout share, and what belongs to one instance."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED_VAR = ROOT / "var"
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
TOOLS = SHARED_VAR / "tools"
STAMPS = SHARED_VAR / "stamps"
LOGS = SHARED_VAR / "log"
STATIC_BUILD = SHARED_VAR / "static-build"
STATIC_ROOT = SHARED_VAR / "static"
FRONTEND = ROOT / "seeops" / "console" / "frontend"
DEFAULT_BASE_PORT = 8600


@dataclass(frozen=True)
class Instance:
    """One product: its folder of generated state and its block of ports.

    Offsets from `base`: 0 console, 1 Prometheus, 2 Alertmanager, 3 PostgreSQL, 4 Valkey, 5 supervisor, 10… the cluster.
    """

    var: Path
    base: int

    @classmethod
    def from_environment(cls) -> Instance:
        """The instance named by SEEOPS_VAR and SEEOPS_BASE_PORT; by default `var/` and port 8600."""
        var = Path(os.environ.get("SEEOPS_VAR") or SHARED_VAR).resolve()
        return cls(var=var, base=int(os.environ.get("SEEOPS_BASE_PORT") or DEFAULT_BASE_PORT))

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def log(self) -> Path:
        return self.var / "log"

    @property
    def secrets(self) -> Path:
        return self.var / "secrets"

    @property
    def stamps(self) -> Path:
        return self.var / "stamps"

    @property
    def cluster(self) -> Path:
        return self.var / "cluster"

    @property
    def cluster_endpoints(self) -> Path:
        return self.cluster / "endpoints.json"

    @property
    def packages(self) -> Path:
        return self.var / "packages"

    @property
    def endpoints(self) -> Path:
        return self.run / "endpoints.json"

    @property
    def ports(self) -> dict[str, int]:
        names = ("console", "prometheus", "alertmanager", "postgres", "valkey", "supervisor")
        return {name: self.base + offset for offset, name in enumerate(names)} | {"cluster": self.base + 10}

    def url(self, part: str) -> str:
        """Loopback address of one of the parts that speak HTTP."""
        return f"http://127.0.0.1:{self.ports[part]}"
