"""Counters of the gateway and their page in Prometheus' text format."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate

from trading_sim.gateway.reasons import reason_text
from trading_sim.protocol.metrics import DURATION_BOUNDS_S

_BOUNDS_NS = [int(bound * 1e9) for bound in DURATION_BOUNDS_S]


class Latency:
    """A histogram of times from an instruction's arrival to the report of its fate."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_NS) + 1)
        self.total_ns = 0

    def observe(self, elapsed_ns: int) -> None:
        """Count one."""
        self.total_ns += elapsed_ns
        for at, bound in enumerate(_BOUNDS_NS):
            if elapsed_ns <= bound:
                self.counts[at] += 1
                return
        self.counts[-1] += 1


class Counters:
    """Everything since the start of the process."""

    def __init__(self) -> None:
        self.latency = Latency()
        self.instructions: Counter[str] = Counter()
        self.rejects: Counter[int] = Counter()
        self.session_rejects: Counter[str] = Counter()
        self.logons: Counter[str] = Counter({"accepted": 0, "refused": 0})


class Page:
    """Lines of the text format, families in the order they are added."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def family(self, name: str, kind: str, text: str, samples: list[tuple[dict[str, str], float]]) -> None:
        """A family with its samples as (labels, value)."""
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
        for labels, value in samples:
            inner = ",".join(f'{key}="{one}"' for key, one in labels.items())
            self._lines.append(f"{name}{{{inner}}} {value:g}" if inner else f"{name} {value:g}")

    def histogram(self, name: str, text: str, latency: Latency) -> None:
        """A histogram in seconds."""
        self._lines += [f"# HELP {name} {text}", f"# TYPE {name} histogram"]
        bounds = [*(f"{bound:g}" for bound in DURATION_BOUNDS_S), "+Inf"]
        totals = list(accumulate(latency.counts))
        self._lines += [f'{name}_bucket{{le="{bound}"}} {count}' for bound, count in zip(bounds, totals, strict=True)]
        self._lines += [f"{name}_sum {latency.total_ns / 1e9:.6f}", f"{name}_count {totals[-1]}"]

    def text(self) -> str:
        """The page."""
        return "\n".join(self._lines) + "\n"


def reject_samples(rejects: Counter[int]) -> list[tuple[dict[str, str], float]]:
    """One sample per reason."""
    return [
        ({"reason": reason_text(reason).split(":")[0] or "none"}, count) for reason, count in sorted(rejects.items())
    ]
