"""What a detector says: which accounts, which pattern, how far it has gone, and why, in words and figures."""

from __future__ import annotations

from dataclasses import dataclass

from trading_sim.surveillance.thresholds import (
    COORDINATED,
    LAYERING,
    OVERSIZED,
    RAMPING,
    SPOOFING,
    STEPS,
    UNWATCHED,
    WASH,
)

#: One sentence per pattern; the figures are those of the finding. The console has the same sentences in its catalogue.
SENTENCES = {
    SPOOFING: "Account {accounts} placed large orders on one side {cycles} times, traded the other side while they stood, and took them back.",
    LAYERING: "Account {accounts} built several price levels on one side {cycles} times, traded the other side while they stood, and took them back.",
    WASH: "Accounts {accounts} traded {trades} times to and fro, {share} % of all they traded here: nobody's holding changed.",
    COORDINATED: "Accounts {accounts} traded {trades} times among themselves, {share} % of all they traded here.",
    OVERSIZED: "Account {accounts} sent an order {ratio} times as large as 99 of 100 orders of this security.",
    RAMPING: "Account {accounts} moved the price by {move} ‰ before the close, {share} % of the whole move, always on one side.",
    UNWATCHED: "Nobody watched entries {from_index} to {to_index} of shard {shard}: what happened in them is unknown.",
}
#: A single account that trades with itself.
SELF_WASH = "Account {accounts} traded {trades} times with itself, {share} % of all it traded here."


@dataclass(frozen=True)
class Finding:
    """step: 1 watch, 2 warn, 3 act. `first_ns` … `at_ns`: from the first evidence to when it was judged."""

    pattern: str
    shard: int
    symbol: int
    accounts: tuple[int, ...]
    step: int
    score: float
    first_ns: int
    at_ns: int
    figures: dict[str, float | int]

    @property
    def key(self) -> tuple[str, int, tuple[int, ...]]:
        """What makes two findings of a shard the same matter."""
        return self.pattern, self.symbol, self.accounts

    @property
    def step_name(self) -> str:
        """watch, warn or act."""
        return STEPS[self.step - 1]

    @property
    def sentence(self) -> str:
        """Why, in words."""
        text = SELF_WASH if self.pattern == WASH and len(self.accounts) == 1 else SENTENCES[self.pattern]
        return text.format(accounts=", ".join(map(str, self.accounts)), shard=self.shard, **self.figures)
