"""Seeded schedules of faults against a simulated shard: `python -m trading_sim.sim.shard_schedules --seeds N --from S`.

Each seed draws its own weather: losses, duplicates and delays of messages, cuts in one or both directions, machines that lose
power at any disk operation or are killed or paused, disks that refuse a sync or take long, clocks that jump, journals that
rot. Then everything heals, and the checker compares what clients were told with what the replicas hold.
"""

import argparse
import sys
import time
from dataclasses import dataclass

from trading_sim.shard.journal import read_durable_frames
from trading_sim.sim.shard_checker import ShardViolation
from trading_sim.sim.shard_cluster import SimCluster, SimNode
from trading_sim.sim.world import MS

FAULTS_MS = 5_000
HEALING_MS = 20_000


@dataclass(frozen=True)
class ScheduleResult:
    """What happened in one schedule that broke no promise."""

    seed: int
    acknowledged: int
    terms: int
    crashes: int
    reads: int
    rotted: int
    operations: int


class Weather:
    """Draws one fault after another until the end of its time."""

    def __init__(self, cluster: SimCluster, rot: bool) -> None:
        self._cluster, self._world, self._rng = cluster, cluster.world, cluster.world.rng
        self._rot = rot
        self.rotted = 0
        self.over = False
        network = cluster.network
        network.drop_rate = self._rng.choice((0.0, 0.02, 0.15))
        network.duplicate_rate = self._rng.choice((0.0, 0.05))
        network.delay_ns = self._rng.choice((1, 1, 5, 40)) * MS
        self._kinds = [
            self._power,
            self._power_at_operation,
            self._kill,
            self._pause,
            self._cut_off,
            self._cut_one_way,
            self._slow_disk,
            self._sync_error,
            self._clock,
        ]
        self._rng.shuffle(self._kinds)
        self._kinds = self._kinds[: self._rng.randint(2, len(self._kinds))]

    def blow(self) -> None:
        """The next fault, and the one after it."""
        if self.over:
            return
        node = self._cluster.nodes[self._rng.choice(self._cluster.names)]
        if self._rot and self._rng.random() < 0.2:
            self._rot_journal(self._cluster.nodes[self._cluster.names[0]])
        else:
            self._rng.choice(self._kinds)(node)
        self._cluster.read(self._rng.choice(self._cluster.names))
        self._world.after(self._rng.randint(20, 700) * MS, self.blow)

    def calm(self) -> None:
        """Everything heals; what was cut, slow, paused or refusing is so no longer."""
        self.over = True
        network = self._cluster.network
        network.cut.clear()
        network.drop_rate = network.duplicate_rate = 0.0
        network.delay_ns = 1 * MS
        for node in self._cluster.nodes.values():
            node.files.sync_fails = None
            node.files.crash_at = 0
            node.disk_latency_ns = 1 * MS
            node.paused_until = 0

    def _power(self, node: SimNode) -> None:
        if node.engine is not None:
            node.crash(power=True)

    def _power_at_operation(self, node: SimNode) -> None:
        node.files.crash_at = node.files.operations + self._rng.randint(1, 30)

    def _kill(self, node: SimNode) -> None:
        if node.engine is not None:
            node.crash(power=False)

    def _pause(self, node: SimNode) -> None:
        node.paused_until = self._world.now_ns + self._rng.randint(50, 1_500) * MS

    def _cut_off(self, node: SimNode) -> None:
        pairs = [(node.name, other) for other in self._cluster.names if other != node.name]
        self._cut([*pairs, *((b, a) for a, b in pairs)])

    def _cut_one_way(self, node: SimNode) -> None:
        others = [other for other in self._cluster.names if other != node.name]
        chosen = self._rng.sample(others, self._rng.randint(1, 2))
        inward = self._rng.random() < 0.5
        self._cut([(other, node.name) if inward else (node.name, other) for other in chosen])

    def _cut(self, pairs: list[tuple[str, str]]) -> None:
        self._cluster.network.cut.update(pairs)
        self._world.after(
            self._rng.randint(100, 2_000) * MS, lambda: self._cluster.network.cut.difference_update(pairs)
        )

    def _slow_disk(self, node: SimNode) -> None:
        node.disk_latency_ns = self._rng.choice((20, 200)) * MS
        self._world.after(self._rng.randint(200, 1_500) * MS, lambda: setattr(node, "disk_latency_ns", 1 * MS))

    def _sync_error(self, node: SimNode) -> None:
        node.files.sync_fails = lambda: self._rng.random() < 0.2
        self._world.after(self._rng.randint(100, 800) * MS, lambda: setattr(node.files, "sync_fails", None))

    def _clock(self, node: SimNode) -> None:
        node.clock.jump_ns = self._rng.randint(-3_600_000, 3_600_000) * MS

    def _rot_journal(self, node: SimNode) -> None:
        """Damage one acknowledged frame of a machine that then starts again; only ever on one machine."""
        if node.engine is None or node.engine.raft.repair_until or self.rotted >= 2:
            return
        node.crash(power=True)
        frames = read_durable_frames(node.files, f"/{node.name}/journal")
        if frames:
            path, start, end = self._rng.choice(frames)
            node.files.flip_byte(path, self._rng.randrange(start, end))
            self.rotted += 1


def run_schedule(seed: int, *, faults_ms: int = FAULTS_MS, lying_disks: bool = False) -> ScheduleResult:
    """Run one schedule; raises ShardViolation whose text begins with the seed."""
    cluster = SimCluster(seed, clients=2 + seed % 3, lying_disks=lying_disks)
    weather = Weather(cluster, rot=seed % 4 == 0 and not lying_disks)
    world = cluster.world
    try:
        cluster.start()
        world.after(world.rng.randint(0, 1_500) * MS, weather.blow)
        world.run_until(world.now_ns + faults_ms * MS)
        weather.calm()
        world.run_until(world.now_ns + 1_500 * MS)
        for client in cluster.clients:
            client.stopped = True
        if not world.run_until(world.now_ns + HEALING_MS * MS, cluster.agrees):
            raise ShardViolation(
                f"{HEALING_MS} ms after healing the replicas still do not agree: {_described(cluster)}"
            )
        cluster.checker.settled([node.engine for node in cluster.nodes.values() if node.engine is not None])
        if any(client.answered == 0 for client in cluster.clients):
            raise ShardViolation("A client was never answered.")
    except ShardViolation as violation:
        raise ShardViolation(f"seed {seed}: {violation}") from violation
    except Exception as error:
        raise ShardViolation(f"seed {seed}: {type(error).__name__}: {error}") from error
    return ScheduleResult(
        seed=seed,
        acknowledged=len(cluster.checker.acknowledged),
        terms=len(cluster.checker.leaders),
        crashes=cluster.crashes,
        reads=cluster.checker.reads,
        rotted=weather.rotted,
        operations=sum(node.files.operations for node in cluster.nodes.values()),
    )


def _described(cluster: SimCluster) -> str:
    parts = []
    for node in cluster.nodes.values():
        engine = node.engine
        if engine is None:
            parts.append(f"{node.name} down")
        else:
            raft = engine.raft
            parts.append(
                f"{node.name} {raft.role} term {raft.term} commit {raft.commit} last {raft.log.last_index} "
                f"applied {engine.state.index} repair {raft.repair_until} failure {engine.failure}"
            )
    return "; ".join(parts)


def main(arguments: list[str] | None = None) -> int:
    """Run schedules until the wanted number is done; the first violation ends with status 1 and its seed."""
    parser = argparse.ArgumentParser(description="Seeded schedules of faults against a simulated shard.")
    parser.add_argument("--seeds", type=int, default=100, help="how many schedules to run")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--faults-ms", type=int, default=FAULTS_MS, help="simulated time with faults, per schedule")
    parser.add_argument("--lying-disks", action="store_true", help="journals forget what they say they synced")
    options = parser.parse_args(arguments)
    began, results = time.monotonic(), []
    for seed in range(options.first, options.first + options.seeds):
        try:
            results.append(run_schedule(seed, faults_ms=options.faults_ms, lying_disks=options.lying_disks))
        except ShardViolation as violation:
            sys.stderr.write(f"VIOLATION {violation}\n")
            return 1
        if len(results) % 100 == 0:
            sys.stderr.write(f"{len(results)} schedules, {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(
        f"{len(results)} schedules from seed {options.first} in {time.monotonic() - began:.1f} s: no violation; "
        f"{sum(r.acknowledged for r in results)} acknowledged requests, {sum(r.terms for r in results)} terms with a "
        f"leader, {sum(r.crashes for r in results)} crashes, {sum(r.rotted for r in results)} rotten journals, "
        f"{sum(r.reads for r in results)} reads, {sum(r.operations for r in results)} disk operations\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
