"""Seeded schedules of faults against a simulated shard: `python -m trading_sim.sim.shard_schedules --seeds N --from S`; one of them
again, telling what happens: `--replay SEED`.

Each seed draws its own weather: losses, duplicates and delays of messages, cuts in one or both directions, machines that lose
power at any disk operation or are killed or paused, disks that refuse a sync or take long, clocks that jump, journals that
rot. Then everything heals, and the checker compares what clients were told with what the replicas hold.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from typing import Any

from trading_sim.shard.engine import Engine
from trading_sim.shard.handover import HandOverRefused
from trading_sim.shard.journal import read_durable_frames
from trading_sim.shard.raft import Role
from trading_sim.sim.shard_checker import ShardViolation
from trading_sim.sim.shard_cluster import SimCluster, SimNode
from trading_sim.sim.shard_scripts import SCRIPTS, Director, Script, entry_of_an_earlier_term
from trading_sim.sim.world import MS

FAULTS_MS = 5_000
HEALING_MS = 20_000
PIECE = 50


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
    rebuilt: int
    handed_over: int = 0


class Weather:
    """Draws one fault after another until the end of its time."""

    def __init__(self, cluster: SimCluster, rot: bool, hand_overs: bool = False) -> None:
        self._cluster, self._world, self._rng = cluster, cluster.world, cluster.world.rng
        self._rot = rot
        self.rotted = self.handed_over = 0
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
            self._cut_links,
            self._slow_disk,
            self._sync_error,
            self._clock,
        ]
        self._rng.shuffle(self._kinds)
        self._kinds = self._kinds[: self._rng.randint(2, len(self._kinds))]
        if cluster.lying_disks:  # only a loss of power brings a lie to light
            self._kinds.append(self._power)
        if hand_overs:  # as likely as all the rest together: it is what such a schedule is about
            self._kinds += [self._hand_over] * len(self._kinds)

    def blow(self) -> None:
        """The next fault, and the one after it."""
        if self.over:
            return
        node = self._cluster.nodes[self._rng.choice(self._cluster.names)]
        if self._rot and self._rng.random() < 0.2:
            self._rot_journal(self._cluster.nodes[self._cluster.names[0]])
        else:
            kind = self._rng.choice(self._kinds)
            self._world.note(f"{kind.__name__.strip('_')} {node.name}")
            kind(node)
        self._cluster.read(self._rng.choice(self._cluster.names))
        self._world.after(self._rng.randint(20, 700) * MS, self.blow)

    def calm(self) -> None:
        """Everything heals; what was cut, slow, paused or refusing is so no longer."""
        self.over = True
        network = self._cluster.network
        network.cut.clear()
        network.slow_ns.clear()
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

    def _cut_links(self, node: SimNode) -> None:
        """Any links, each in one direction or both: what is left may connect nobody, or everybody but in circles."""
        links = [(a, b) for a in self._cluster.names for b in self._cluster.names if a != b]
        self._cut(self._rng.sample(links, self._rng.randint(1, 4)))

    def _cut(self, pairs: list[tuple[str, str]]) -> None:
        self._cluster.network.cut.update(pairs)
        self._world.after(
            self._rng.randint(100, 2_000) * MS, lambda: self._cluster.network.cut.difference_update(pairs)
        )

    def _hand_over(self, node: SimNode) -> None:
        """Whoever leads is asked to hand over to this machine, sound or not; reads at the old leader follow at once."""
        for other in self._cluster.nodes.values():
            if other.engine is not None and other.engine.raft.role is Role.LEADER:
                other.receive(lambda engine: self._ask_to_hand_over(engine, node.name))
                for ms in (1, 5, 20, 60, 150):
                    self._world.after(ms * MS, lambda name=other.name: self._cluster.read(name))

    def _ask_to_hand_over(self, engine: Engine, heir: str) -> None:
        try:
            engine.hand_over_to(heir)
        except HandOverRefused as refused:
            self._world.note(f"refused: {refused}")
        else:
            self.handed_over += 1

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


def run_schedule(
    seed: int,
    *,
    faults_ms: int = FAULTS_MS,
    lying_disks: bool = False,
    hand_overs: bool = False,
    power_lost_at: int = 0,
    trace: Callable[[str], None] | None = None,
) -> ScheduleResult:
    """Run one schedule; raises ShardViolation whose text begins with the seed and says how to replay it. `trace` hears what happens when;
    `hand_overs`: leaders are asked to hand over all the time; `power_lost_at`: the disk operation at which the first replica loses power besides."""
    cluster = SimCluster(seed, clients=2 + seed % 3, lying_disks=lying_disks)
    cluster.world.trace = trace
    weather = Weather(cluster, rot=seed % 4 == 0 and not lying_disks, hand_overs=hand_overs)
    script = SCRIPTS[seed // 5 % len(SCRIPTS)] if seed % 5 == 3 and not (lying_disks or hand_overs) else None
    if script is entry_of_an_earlier_term:
        cluster.message_entries = 1
    cluster.nodes[cluster.names[0]].files.crash_at = power_lost_at
    try:
        _run(cluster, weather, script, faults_ms)
    except Exception as error:
        what = str(error) if isinstance(error, ShardViolation) else f"{type(error).__name__}: {error}"
        raise ShardViolation(
            f"seed {seed}: {what}\nreplay: python -m trading_sim.sim.shard_schedules --replay {seed}"
            f"{' --lying-disks' if lying_disks else ''}{' --hand-overs' if hand_overs else ''}{f' --faults-ms {faults_ms}' if faults_ms != FAULTS_MS else ''}"
            f"{f' --power-lost-at {power_lost_at}' if power_lost_at else ''}"
        ) from error
    return ScheduleResult(
        seed=seed,
        acknowledged=len(cluster.checker.acknowledged),
        terms=len(cluster.checker.leaders),
        crashes=cluster.crashes,
        reads=cluster.checker.reads,
        rotted=weather.rotted,
        operations=sum(node.files.operations for node in cluster.nodes.values()),
        rebuilt=cluster.rebuilt + sum(n.engine.execution.rebuilt for n in cluster.nodes.values() if n.engine),
        handed_over=weather.handed_over,
    )


def _run(cluster: SimCluster, weather: "Weather", script: Script | None, faults_ms: int) -> None:
    world = cluster.world
    cluster.start()
    if script is None:
        world.after(world.rng.randint(0, 1_500) * MS, weather.blow)
    else:
        weather.calm()
        Director(cluster, script).begin()
    world.run_until(world.now_ns + faults_ms * MS)
    weather.calm()
    world.note("everything heals")
    world.run_until(world.now_ns + 1_500 * MS)
    for client in cluster.clients:
        client.stopped = True
    world.run_until(world.now_ns + 500 * MS)
    if not world.run_until(world.now_ns + HEALING_MS * MS, cluster.agrees):
        raise ShardViolation(
            f"{HEALING_MS / 1000:g} s after everything healed the replicas still do not agree: {_described(cluster)}"
        )
    cluster.checker.settled([node.engine for node in cluster.nodes.values() if node.engine is not None])
    if any(client.answered == 0 for client in cluster.clients):
        raise ShardViolation("A client was never answered.")


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
                f"executed {engine.state.index} applied {engine.applied} repair {raft.repair_until} failure {engine.failure}"
            )
    return "; ".join(parts)


def _run_many(seeds: Sequence[int], **options: Any) -> list[ScheduleResult]:
    return [run_schedule(seed, **options) for seed in seeds]


def _in_parallel(options: argparse.Namespace) -> Iterator[list[ScheduleResult]]:
    """Results of pieces of the seeds, from several processes."""
    seeds = range(options.first, options.first + options.seeds)
    pieces = [seeds[start : start + PIECE] for start in range(0, len(seeds), PIECE)]
    run = partial(
        _run_many, faults_ms=options.faults_ms, lying_disks=options.lying_disks, hand_overs=options.hand_overs
    )
    if options.workers == 1:
        yield from map(run, pieces)
        return
    with ProcessPoolExecutor(options.workers, mp_context=get_context("spawn")) as pool:
        try:
            yield from pool.map(run, pieces)
        except ShardViolation:
            pool.shutdown(cancel_futures=True)
            raise


def main(arguments: list[str] | None = None) -> int:
    """Run schedules until the wanted number is done; the first violation ends with status 1 and its seed."""
    parser = argparse.ArgumentParser(description="Seeded schedules of faults against a simulated shard.")
    parser.add_argument("--seeds", type=int, default=100, help="how many schedules to run")
    parser.add_argument("--from", dest="first", type=int, default=1, help="the first seed")
    parser.add_argument("--faults-ms", type=int, default=FAULTS_MS, help="simulated time with faults, per schedule")
    parser.add_argument("--lying-disks", action="store_true", help="journals forget what they say they synced")
    parser.add_argument("--hand-overs", action="store_true", help="leaders are asked to hand over all the time")
    parser.add_argument("--workers", type=int, default=1, help="processes to run them in")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run this one schedule and tell what happens in it")
    parser.add_argument("--power-lost-at", type=int, default=0, help="with --replay: disk operation of a loss of power")
    options = parser.parse_args(arguments)
    began, results = time.monotonic(), []
    try:
        if options.replay is not None:
            results.append(_replay(options))
        else:
            for piece in _in_parallel(options):
                results += piece
                if len(results) % 500 == 0:
                    sys.stderr.write(f"{len(results)} schedules, {time.monotonic() - began:.0f} s\n")
    except ShardViolation as violation:
        sys.stderr.write(f"VIOLATION {violation}\n")
        return 1
    took = time.monotonic() - began
    sys.stdout.write(
        f"{len(results)} schedules from seed {options.first} in {took:.1f} s ({len(results) / took:.1f} a second): no "
        f"violation; {sum(r.acknowledged for r in results)} acknowledged requests, {sum(r.terms for r in results)} terms "
        f"with a leader, {sum(r.crashes for r in results)} crashes, {sum(r.rebuilt for r in results)} states rebuilt, "
        f"{sum(r.rotted for r in results)} rotten journals, {sum(r.reads for r in results)} reads, "
        f"{sum(r.operations for r in results)} disk operations\n"
    )
    return 0


def _replay(options: argparse.Namespace) -> ScheduleResult:
    return run_schedule(
        options.replay,
        faults_ms=options.faults_ms,
        lying_disks=options.lying_disks,
        hand_overs=options.hand_overs,
        power_lost_at=options.power_lost_at,
        trace=lambda what: sys.stderr.write(f"{what}\n"),
    )


if __name__ == "__main__":
    raise SystemExit(main())
