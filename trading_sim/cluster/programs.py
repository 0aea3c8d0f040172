"""Which processes a cluster consists of, and the command line of each."""

from __future__ import annotations

import sys
from pathlib import Path

from trading_sim.cluster.children import Child
from trading_sim.cluster.layout import HOST, Layout

# One thread for each process' numeric libraries: the work is many small arrays.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}


def centre_name(centre: str) -> str:
    return f"centre-{centre}"


def replica_name(shard: int, centre: str) -> str:
    return f"shard-{shard}-{centre}"


def write_shard_configs(layout: Layout) -> None:
    """The same configuration file for all replicas of a shard. An existing one stays: the journals belong to it."""
    missing = [shard for shard in layout.topology.shards if not layout.shard_config_file(shard).exists()]
    if missing:  # a later start does without the compiler that the market's modules load
        from trading_sim.market import shard_config
    for shard in missing:
        path = layout.shard_config_file(shard)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".tmp")
        beside.write_text(shard_config(shard).to_json(), encoding="utf-8")
        beside.replace(path)


def _child(layout: Layout, name: str, *argv: str) -> Child:
    return Child(name, [sys.executable, "-m", *argv], layout.state / "log" / f"{name}.log", ENVIRONMENT)


def centres(layout: Layout) -> list[Child]:
    scale, config = ["--scale", str(layout.topology.scale)], layout.config
    cluster = ["--cluster", str(config.resolve())] if config else []
    return [
        _child(
            layout, centre_name(name), "trading_sim.cluster.centre_process", "--centre", name, "--state", str(layout.state),
            "--base-port", str(layout.base_port), *scale, *cluster,
        )
        for name in layout.topology.centres
    ]  # fmt: skip


def replicas(layout: Layout) -> list[Child]:
    children = []
    for shard in layout.topology.shards:
        for centre in layout.topology.centres:
            peer, http = layout.replica_ports(shard, centre)
            others = [f"{n}={HOST}:{layout.replica_ports(shard, n)[0]}" for n in layout.topology.centres if n != centre]
            name = replica_name(shard, centre)
            children.append(
                _child(
                    layout, name, "trading_sim.shard.replica", "--shard", str(shard), "--replica", centre,
                    "--config", str(layout.shard_config_file(shard)), "--state", str(layout.state / "shards" / name),
                    "--listen", f"{HOST}:{peer}", "--peers", ",".join(others), "--http", f"{HOST}:{http}",
                )
            )  # fmt: skip
    return children


def load(layout: Layout) -> list[Child]:
    state: Path = layout.state / "load"
    return [
        _child(
            layout, "load", "trading_sim.load.process", "--state", str(state),
            "--listen", f"{HOST}:{layout.load_port}", "--endpoints", str(layout.endpoints_file),
        )
    ]  # fmt: skip


def gateway(layout: Layout) -> list[Child]:
    ports = {name: f"{HOST}:{port}" for name, port in layout.gateway_ports.items()}
    return [
        _child(
            layout, "gateway", "trading_sim.gateway.process", "--state", str(layout.state / "gateway"),
            "--listen-binary", ports["binary"], "--listen-fix", ports["fix"], "--listen-market-data", ports["market_data"],
            "--http", ports["http"], "--endpoints", str(layout.endpoints_file),
        )
    ]  # fmt: skip


def surveillance(layout: Layout) -> list[Child]:
    return [
        _child(
            layout, "surveillance", "trading_sim.surveillance.process", "--state", str(layout.state / "surveillance"),
            "--endpoints", str(layout.endpoints_file), "--http", f"{HOST}:{layout.surveillance_port}",
        )
    ]  # fmt: skip


def all_programs(layout: Layout) -> list[Child]:
    return [*replicas(layout), *centres(layout), *load(layout), *gateway(layout), *surveillance(layout)]
