"""Twenty releases, several at a time, of good and bad versions and of one or two services, while everything is killed at
random: at the end every node runs what the outcomes say, nothing is stuck, nothing is held, nothing was done twice."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field

import psutil
import pytest

from seeops.bootstrap.errors import SetupError
from tests.acceptance import survival
from tests.acceptance.survival import Glass, Wish
from tests.acceptance.test_kill_everything import FORGOTTEN_S, seeded
from tests.e2e import walks
from tests.polling import eventually
from tests.product import Product

RELEASES, AT_ONCE, NODES = 20, 3, 6
OLD, GOOD, BAD = "1.0.0", "1.1.0", "1.3.0"
SERVICES = ("session", "access-web", "order-router", "order-trading", "risk-pretrade", "market-data", "query", "account",
            "position", "auth")  # fmt: skip
VICTIMS = (
    "worker", "worker-release", "worker", "worker-release", "runner", "runner", "runner", "beat", "web", "valkey", "postgres",
    "prometheus", "alertmanager",
)  # fmt: skip
# Soaks are extended while a verdict is inconclusive, which is most of the time that a release takes here.
SOAK_S = 10
PAUSE_S = (4.0, 14.0)
MOST_S = 1_500


class Killer(threading.Thread):
    """kill -9 of somebody every few seconds, in an order that the seed decides."""

    def __init__(self, product: Product, seed: int) -> None:
        super().__init__(name="killer", daemon=True)
        self.product, self.rng = product, random.Random(seed)
        self.over = threading.Event()
        self.killed: Counter[str] = Counter()

    def run(self) -> None:
        while not self.over.wait(self.rng.uniform(*PAUSE_S)):
            name = self.rng.choice(VICTIMS)
            try:
                survival.kill(self.product, name)
            except (SetupError, psutil.Error, ProcessLookupError):
                continue  # it was not up again yet
            self.killed[name] += 1


@dataclass
class Course:
    """A release under way and what its nodes run when it ends well."""

    pk: int
    wishes: list[Wish]
    began: float = field(default_factory=time.monotonic)
    end: str = ""
    words: list[str] = field(default_factory=list)


class Operators:
    """People who begin releases and do what a release that waits for them asks for."""

    def __init__(self, product: Product, glass: Glass, rng: random.Random) -> None:
        self.product, self.glass, self.rng = product, glass, rng
        self.free = {
            name: [node["name"] for node in walks.observed(product, name, 240) if node["version"] == OLD]
            for name in SERVICES
        }
        self.expected = {node: OLD for nodes in self.free.values() for node in nodes}
        self.under_way: list[Course] = []
        self.ended: list[Course] = []

    def begin(self, number: int) -> None:
        """One release of one service, every fourth of two; every fifth of a version that fails."""
        busy = {wish.service for course in self.under_way for wish in course.wishes}
        idle = [name for name in SERVICES if name not in busy and len(self.free[name]) >= NODES]
        version = BAD if number % 5 == 4 else GOOD
        wishes = []
        for name in self.rng.sample(idle, 2 if number % 4 == 3 else 1):
            chosen = tuple(self.free[name].pop(self.rng.randrange(len(self.free[name]))) for _ in range(NODES))
            wishes.append(Wish(name, version, tuple(sorted(chosen))))
        self.under_way.append(Course(survival.approved(self.product, *wishes, soak_s=SOAK_S), wishes))

    def look(self) -> None:
        for course in list(self.under_way):
            row = self.glass.release(course.pk)
            if not row:
                return
            if row["state"] == "ready":
                self._start(course)
            elif row["state"] == "holding":
                self._decide(course, row)
            elif row["state"] in walks.ENDED:
                self._note(course, row)

    def _start(self, course: Course) -> None:
        """Refused while too few nodes are known to serve, as when nobody could look at them: the person comes again."""
        with contextlib.suppress(*survival.AWAY):
            answer = self.product.api("wu").request("POST", f"releases/{course.pk}/start/")
            if answer.status_code == 409:
                course.words.append(answer.json()["detail"][:60])
            assert answer.ok or answer.status_code in (409, 500, 502, 503), answer.text[:300]

    def _decide(self, course: Course, row: dict) -> None:
        """What is inconclusive is promoted, anything else tried again."""
        deed = "promote" if row["hold_kind"] in ("verdict", "gate") else "resume"
        course.words.append(f"{deed}: {row['state_reason']}")
        survival.insist(self.product.api("wu"), f"releases/{course.pk}/{deed}/", reason="looked at, go on")

    def _note(self, course: Course, row: dict) -> None:
        course.end = row["state"]
        self.under_way.remove(course)
        self.ended.append(course)
        took = time.monotonic() - course.began
        titles = ", ".join(f"{wish.service} {wish.version}" for wish in course.wishes)
        print(
            f"  {course.pk:5} {titles:45} {course.end:12} after {took:4.0f} s  {'; '.join(course.words)[:160]}",
            flush=True,
        )
        if course.end == "done":
            self.expected |= {node: wish.version for wish in course.wishes for node in wish.nodes}


@pytest.mark.soak
@pytest.mark.timeout(2_400)
def test_twenty_releases_while_everything_is_killed(product: Product) -> None:
    seed, rng = seeded()
    print(f"\nSEEOPS_SEED={seed}")
    began = time.monotonic()
    killer, unattended = Killer(product, seed), survival.Unattended(product)
    with survival.looking(product) as glass:
        operators = Operators(product, glass, rng)
        killer.start()
        unattended.start()
        try:
            for number in range(RELEASES):
                eventually(
                    lambda: operators.look() or len(operators.under_way) < AT_ONCE,
                    "a release ends",
                    600,
                    interval_s=0.5,
                )
                operators.begin(number)
            eventually(
                lambda: operators.look() or not operators.under_way,
                lambda: stuck(operators, glass),
                MOST_S,
                interval_s=0.5,
            )
        finally:
            killer.over.set()
            unattended.over.set()
            killer.join(30)
            unattended.join(30)
            print(
                f"{len(operators.ended)} of {RELEASES} releases in {time.monotonic() - began:.0f} s, "
                f"{sum(killer.killed.values())} kills: {dict(killer.killed.most_common())}\n"
                f"outcomes: {dict(Counter(course.end for course in operators.ended))}; "
                f"database away {unattended.away_s:.0f} s; longest without anybody while it answered "
                f"{unattended.longest_s:.1f} s ({unattended.longest_of}); load {os.getloadavg()[0]:.1f}"
            )
        survival.all_back(product)
        pks = [course.pk for course in operators.ended]
        eventually(lambda: not survival.problems(glass, pks), lambda: survival.problems(glass, pks), 30)
        assert walks.runners(product) == []
        wrong = survival.wrong_nodes(product, operators.expected)
        print(f"nodes of the services {len(operators.expected)}, in a wrong version or acted on twice {len(wrong)}")
        assert wrong == []
        assert {course.end for course in operators.ended} <= {"done", "rolled_back"}
        chain = survival.ask(product.api("he"), "audit/verify/")
        assert chain["intact"], chain
        assert sum(killer.killed.values()) >= RELEASES
        assert unattended.longest_s <= FORGOTTEN_S, "nobody looked after a release"


def stuck(operators: Operators, glass: Glass) -> str:
    return f"all releases end: {[(course.pk, glass.release(course.pk)) for course in operators.under_way]}"
