"""Which instruments the shards trade, by code and by number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class InstrumentsError(ValueError):
    """The shards' configurations cannot be used; says which and why."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """`symbol` is the index within the shard; prices of `low` and `high` in ticks as the configuration has them (0 = no band)."""

    code: str
    shard: int
    symbol: int
    board: str
    lot: int
    reference: int


class Instruments:
    """All instruments; codes are unique over the shards."""

    def __init__(self, rows: Iterable[Instrument]) -> None:
        self._by_code: dict[str, Instrument] = {}
        self._by_place: dict[tuple[int, int], Instrument] = {}
        self.symbols: dict[int, int] = {}
        for row in rows:
            if row.code in self._by_code:
                raise InstrumentsError(f"instrument {row.code} exists twice")
            self._by_code[row.code] = self._by_place[row.shard, row.symbol] = row
            self.symbols[row.shard] = max(self.symbols.get(row.shard, 0), row.symbol + 1)

    def by_code(self, code: str) -> Instrument | None:
        """The instrument, or None."""
        return self._by_code.get(code)

    def at(self, shard: int, symbol: int) -> Instrument | None:
        """The instrument at a place, or None."""
        return self._by_place.get((shard, symbol))

    def code(self, shard: int, symbol: int) -> str:
        """The code at a place."""
        return self._by_place[shard, symbol].code

    def __iter__(self) -> Iterable[Instrument]:
        return iter(self._by_code.values())

    def __len__(self) -> int:
        return len(self._by_code)


def from_configurations(configurations: Mapping[int, Mapping[str, Any]]) -> Instruments:
    """From shard number → shard configuration (the JSON that the replicas read)."""
    rows = []
    for shard, configuration in sorted(configurations.items()):
        for symbol, row in enumerate(configuration["symbols"]):
            code = str(row.get("code", f"{shard}.{symbol}"))
            rows.append(Instrument(code, shard, symbol, str(row.get("board", "")), row["lot"], row["reference"]))
    return Instruments(rows)


def read_configurations(endpoints: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Shard number → what the cluster has given its replicas. Raises InstrumentsError."""
    configurations = {}
    for shard in endpoints["shards"]:
        path = Path(endpoints["state"]) / "shards" / f"shard-{shard}.json"
        try:
            configurations[int(shard)] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InstrumentsError(f"the configuration of shard {shard} cannot be read: {error}") from error
    return configurations


def members_of(configurations: Mapping[int, Mapping[str, Any]]) -> list[int]:
    """Accounts that trade over the gateway by themselves, and that no other customer's process plays."""
    return sorted(
        {row["account"] for found in configurations.values() for row in found["accounts"] if row.get("member")}
    )
