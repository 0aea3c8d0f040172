"""How good the surveillance is: accuracy, precision, recall and time to action on seeds that it was not tuned on.

One decision is one account in one symbol on one day of a stage (load/episodes_stage.py): was it flagged, as what? The account is

- guilty, when it took part in an episode of manipulation that sent at least one order;
- a look-alike, when it took part in an innocent episode that resembles one;
- ordinary, when only the load's normal flow used it.

Of the ordinary ones that sent at least MIN_ORDERS orders in the symbol, as many are drawn per day (by the seed) as there are guilty accounts, so that
accuracy is not bought with thousands of accounts that nobody would suspect; the count over all ordinary ones is published beside it. Flagged means
the step warn or act, right means: guilty and flagged, as whatever pattern, or not guilty and not flagged. A pattern's recall asks for its own
pattern; spoofing and layering, and wash and coordinated, are told apart in the confusion table.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from trading_sim.load.episodes_stage import STEP_S, Play, Stage
from trading_sim.surveillance.findings import Finding
from trading_sim.surveillance.thresholds import PATTERNS, TRAINING_SEEDS, UNSEEN_FROM, Thresholds
from trading_sim.surveillance.watch import ShardWatch

UNSEEN_SEEDS = tuple(range(UNSEEN_FROM, UNSEEN_FROM + 12))
MIN_ORDERS = 3
BULK_ENTRIES = 256
NONE = "none"
ORDINARY = "ordinary"
#: Patterns that name the same offence in another form: a finding of one is a hit for the other in the headline recall.
KIN = {"spoofing": "layering", "layering": "spoofing", "wash": "coordinated", "coordinated": "wash"}


@dataclass(frozen=True)
class Decision:
    """`truth`: the pattern, or "none"; `cast`: which episode or look-alike it was, or "ordinary"; the steps 0 … 3 reached by pattern."""

    seed: int
    account: int
    symbol: int
    truth: str
    cast: str
    steps: dict[str, int]
    #: Seconds of the market's time from the first order of the episode to the finding that acts; None: never.
    act_after_s: float | None = None

    def verdict(self, step: int) -> str:
        """The pattern that went furthest, "none" below `step`."""
        best = max(self.steps, key=lambda pattern: self.steps[pattern], default=NONE)
        return best if self.steps.get(best, 0) >= step else NONE

    def right(self, step: int) -> bool:
        """Guilty and flagged from `step` on, or neither."""
        return (self.truth != NONE) == (self.verdict(step) != NONE)


@dataclass
class Score:
    """Counts of decisions at one step."""

    step: int
    right: int = 0
    total: int = 0
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def accuracy(self) -> float:
        """Right decisions of all; 0 without any."""
        return self.right / self.total if self.total else 0.0

    def pattern(self, name: str) -> dict[str, float | int | None]:
        """{guilty, found, flagged, right_flags, recall, precision}; a flag of the kin pattern counts as found, and as right."""
        kin = {name, KIN.get(name, name)}
        guilty = sum(n for (truth, _), n in self.confusion.items() if truth == name)
        found = sum(n for (truth, said), n in self.confusion.items() if truth == name and said in kin)
        flagged = sum(n for (_, said), n in self.confusion.items() if said == name)
        right = sum(n for (truth, said), n in self.confusion.items() if said == name and truth in kin)
        return {
            "guilty": guilty,
            "found": found,
            "flagged": flagged,
            "right_flags": right,
            "recall": found / guilty if guilty else None,
            "precision": right / flagged if flagged else None,
        }


def score(decisions: Iterable[Decision], step: int) -> Score:
    """Count the decisions, where from `step` on an account is flagged."""
    result = Score(step)
    for one in decisions:
        result.total += 1
        result.right += one.right(step)
        result.confusion[one.truth, one.verdict(step)] += 1
    return result


@dataclass
class Day:
    """One stage played to its end. `everyone`: (ordinary accounts × symbols with any order, those flagged from warn on)."""

    seed: int
    decisions: list[Decision]
    everyone: tuple[int, int]
    events: int
    watch_s: float


def play_day(play: Play, thresholds: Thresholds | None = None) -> Day:
    """Play a stage and watch it."""
    stage = Stage(play)
    watch = ShardWatch(stage.config.shard, stage.usual, thresholds)
    orders: Counter[tuple[int, int]] = Counter()
    found: list[Finding] = []
    seconds = 0.0
    for entry in stage.entries():
        new = entry.commands[entry.commands["kind"] == 1]
        orders.update(zip(new["account"].tolist(), new["symbol"].tolist(), strict=True))
        begin = time.thread_time()
        found += watch.feed(entry.now_ns, entry.events, entry.parties)
        seconds += time.thread_time() - begin
        last_ns = entry.now_ns
    found += watch.pass_time(last_ns + 10**9)
    return Day(play.seed, *_decide(stage, found, orders), watch.events, seconds)


def _decide(
    stage: Stage, found: list[Finding], orders: Counter[tuple[int, int]]
) -> tuple[list[Decision], tuple[int, int]]:
    steps: dict[tuple[int, int], dict[str, int]] = {}
    acted: dict[tuple[int, int], int] = {}
    for finding in found:
        for account in finding.accounts:
            place = (account, finding.symbol)
            known = steps.setdefault(place, {})
            known[finding.pattern] = max(known.get(finding.pattern, 0), finding.step)
            if finding.step == 3:
                acted.setdefault(place, finding.at_ns)
    decisions, cast = [], set()
    for actor in stage.actors:
        if actor.began_s is None:
            continue
        for account in actor.accounts:
            place = (account, actor.symbol)
            cast.add(place)
            after = (acted[place] - stage.start_ns) / 1e9 - actor.began_s if place in acted else None
            truth = actor.pattern or NONE
            decisions.append(Decision(stage.play.seed, *place, truth, actor.name, steps.get(place, {}), after))
    ordinary = sorted(place for place in orders if place not in cast)
    flagged = sum(max(steps.get(place, {}).values(), default=0) >= 2 for place in ordinary)
    busy = [place for place in ordinary if orders[place] >= MIN_ORDERS]
    guilty = sum(one.truth != NONE for one in decisions)
    draw = np.random.default_rng((stage.play.seed, 5))
    for i in sorted(draw.choice(len(busy), min(guilty, len(busy)), replace=False).tolist()):
        decisions.append(Decision(stage.play.seed, *busy[i], NONE, ORDINARY, steps.get(busy[i], {})))
    return decisions, (len(ordinary), flagged)


def bulk_throughput(seed: int) -> int:
    """Events per CPU second when a day's entries are taken in seconds at a time, as after an interruption or at a high rate."""
    stage = Stage(Play(seed, manipulations=1, look_alikes=1))
    entries = [(entry.now_ns, entry.events, entry.parties) for entry in stage.entries()]
    watch = ShardWatch(stage.config.shard, stage.usual)
    begin = time.thread_time()
    for at in range(0, len(entries), BULK_ENTRIES):
        block = entries[at : at + BULK_ENTRIES]
        watch.feed(block[0][0], np.concatenate([e for _, e, _ in block]), np.concatenate([p for _, _, p in block]))
    watch.pass_time(entries[-1][0] + 10**10)
    return round(watch.events / (time.thread_time() - begin))


def measure(
    seeds: Iterable[int], make: Callable[[int], Play] = Play, progress: Callable[[int], None] | None = None
) -> dict:
    """Play a day per seed; the figures as a plain dictionary. Raises ValueError for a seed that the thresholds were chosen on."""
    days = []
    for seed in seeds:
        if seed in TRAINING_SEEDS:
            raise ValueError(f"seed {seed} is one that the thresholds were chosen on: use seeds from {UNSEEN_FROM} on")
        days.append(play_day(make(seed)))
        if progress:
            progress(seed)
    return summary(days)


def summary(days: list[Day]) -> dict:
    """Figures of the days: class balance, accuracy, patterns and confusion at the steps warn and act, times, throughput."""
    decisions = [one for day in days for one in day.decisions]
    everyone = np.array([day.everyone for day in days]).sum(axis=0)
    waits = [one.act_after_s for one in decisions if one.truth != NONE and one.act_after_s is not None]
    return {
        "seeds": [day.seed for day in days],
        "balance": dict(Counter("guilty" if d.truth != NONE else d.cast for d in decisions)),
        "steps": {name: _step(decisions, number) for number, name in ((2, "warn"), (3, "act"))},
        "false_flags_of_all_ordinary": {"accounts_x_symbols": int(everyone[0]), "flagged": int(everyone[1])},
        "wrong": [
            {
                "seed": d.seed,
                "account": d.account,
                "symbol": d.symbol,
                "cast": d.cast,
                "truth": d.truth,
                "steps": d.steps,
            }
            for d in decisions
            if not d.right(2)
        ],
        "first_order_to_act_s": _percentiles(waits),
        "events": sum(day.events for day in days),
        "events_per_cpu_s": round(sum(day.events for day in days) / max(sum(day.watch_s for day in days), 1e-9)),
        "step_of_the_stage_s": STEP_S,
    }


def _step(decisions: list[Decision], step: int) -> dict:
    counted = score(decisions, step)
    names = [*PATTERNS, NONE]
    return {
        "accuracy": counted.accuracy,
        "right": counted.right,
        "decisions": counted.total,
        "patterns": {name: counted.pattern(name) for name in PATTERNS},
        "confusion": {t: {s: counted.confusion[t, s] for s in names} for t in names},
    }


def _percentiles(values: list[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {f"p{p}": round(float(np.percentile(values, p)), 3) for p in (50, 90, 99, 100)} | {"count": len(values)}
