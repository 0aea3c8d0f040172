"""All numbers that decide, as data. Chosen on the episodes of TRAINING_SEEDS only; figures are published on other seeds.

A pattern's score counts evidence (cycles, trades, multiples of a usual size); the three steps say how much of it watches, warns, acts.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Seeds on which the numbers below were chosen. Unseen seeds start at UNSEEN_FROM, so the two never meet.
TRAINING_SEEDS = tuple(range(1, 13))
UNSEEN_FROM = 1000

WATCH, WARN, ACT = "watch", "warn", "act"
STEPS = (WATCH, WARN, ACT)
SPOOFING, LAYERING, WASH, COORDINATED, OVERSIZED, RAMPING = (
    "spoofing",
    "layering",
    "wash",
    "coordinated",
    "oversized",
    "ramping",
)
PATTERNS = (SPOOFING, LAYERING, WASH, COORDINATED, OVERSIZED, RAMPING)
#: A case about the surveillance itself: entries that nobody has watched.
UNWATCHED = "unwatched"


#: What the step act does to the accounts of a case, by pattern: account status 1 is cancel-only (protocol.operator). A pattern that is not
#: named here is never acted on without a person.
ACTS = dict.fromkeys(PATTERNS, 1)


@dataclass(frozen=True)
class Steps:
    """Scores from which on a finding watches, warns and acts."""

    watch: float
    warn: float
    act: float

    def of(self, score: float) -> int:
        """0: nothing, 1 … 3: the step reached."""
        return int(score >= self.watch) + int(score >= self.warn) + int(score >= self.act)


@dataclass(frozen=True)
class Memory:
    """Sizes of the tables (powers of two) and how fast things fade. Half-lives in seconds."""

    orders: int = 1 << 16
    cells: int = 1 << 14
    pairs: int = 1 << 14
    events: int = 1 << 15
    half_trades_s: float = 60.0
    half_cycles_s: float = 120.0
    half_impact_s: float = 60.0


@dataclass(frozen=True)
class Withdrawals:
    """Spoofing and layering. Sizes as multiples of the symbol's large order (its 90th percentile).

    A withdrawal counts when the order lived at most `life_s`, at most `filled_part` of it was executed, and `one_sided` of what the
    account had open in the symbol stood on its side. Withdrawals within `together_s` are one cycle; it is complete from `size`
    on if the account traded the other side meanwhile. From `levels` prices on a cycle is layering.
    """

    life_s: float = 20.0
    filled_part: float = 0.1
    one_sided: float = 0.7
    together_s: float = 2.5
    #: What stood on the other side is remembered with this half-life: a maker takes back first one quote, then the other.
    half_peak_s: float = 4.0
    size: float = 2.0
    levels: int = 3
    #: Cycles count in full when such a part of all withdrawals came with a trade on the other side, less when it is smaller.
    traded_part: float = 0.6
    #: What a withdrawal without one counts, at most up to the step watch: large orders come and go, which alone is no proof.
    untraded: float = 0.2
    steps: Steps = Steps(0.9, 1.9, 2.7)


@dataclass(frozen=True)
class Wash:
    """Trades with oneself, or of two accounts to and fro. The score is trades × part of both accounts' trading × reciprocity."""

    trades: float = 3.4
    steps: Steps = Steps(2.0, 2.8, 3.5)


@dataclass(frozen=True)
class Coordinated:
    """Groups of accounts joined by edges: from `trades` trades, and `mutual` of both accounts' trading in the symbol."""

    trades: float = 0.6
    mutual: float = 0.12
    #: A member's least part and number of trades inside, the group's part, and how far its inner buying and selling cancel out.
    member: float = 0.45
    member_trades: float = 1.5
    inside: float = 0.45
    balance: float = 0.3
    steps: Steps = Steps(0.8, 1.2, 1.5)


@dataclass(frozen=True)
class Oversized:
    """One order as a multiple of the symbol's 99th percentile."""

    window_s: float = 60.0
    steps: Steps = Steps(4.0, 8.5, 9.0)


@dataclass(frozen=True)
class Ramping:
    """Price moved by an account's own one-sided taking before and during the closing auction.

    Score: 10 × the move as a multiple of `move` (at most 2) × moves of `moves` (at most 1) × the geometric mean of its parts of the symbol's move and
    taking on that side; 0 when less than `one_sided` of its taking was on one side, or it was less than `taking` of the symbol's.
    """

    move: float = 0.005
    moves: float = 4.0
    one_sided: float = 0.8
    taking: float = 0.2
    steps: Steps = Steps(3.0, 3.8, 4.6)
    #: Outside the closing auction the same is only watched.
    early: Steps = Steps(6.0, 1e9, 1e9)


@dataclass(frozen=True)
class Thresholds:
    """Everything. `tick_s`: how often findings are looked for, `groups_s` (a multiple of it) those about groups; `quiet_s`: after so long without evidence a finding is over;
    `again_s`: a lasting finding is told again at most so often; `prior`: imagined orders of a new symbol's usual size."""

    memory: Memory = field(default_factory=Memory)
    withdrawals: Withdrawals = field(default_factory=Withdrawals)
    wash: Wash = field(default_factory=Wash)
    coordinated: Coordinated = field(default_factory=Coordinated)
    oversized: Oversized = field(default_factory=Oversized)
    ramping: Ramping = field(default_factory=Ramping)
    tick_s: float = 0.1
    groups_s: float = 1.0
    quiet_s: float = 120.0
    again_s: float = 5.0
    prior: int = 200
    #: From which size of the histogram on a symbol's usual sizes are known.
    known_from: int = 40
