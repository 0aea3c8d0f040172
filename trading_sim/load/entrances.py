"""Through which centres customers may enter: what a broker's name servers and load balancers decide. A centre that is closed gets no new
request; one that is under way is answered where it was sent.

A change is keyed and fenced like the actions of a node: the same key is carried out once, an older epoch never again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from trading_sim.load.rates import SettingsError

#: Keys that are remembered; a caller repeats its last ones, never one of long ago.
KEPT_KEYS = 200


class StaleEntrance(Exception):
    """Somebody with a newer epoch has changed the entrances since."""


class Entrances:
    """Kept in a file, for the next process of the customers. `now` gives seconds since 1970."""

    def __init__(self, path: Path, centres: Sequence[str], now: Callable[[], float]) -> None:
        self._path, self._centres, self._now = path, tuple(centres), now
        self._closed: dict[str, dict[str, Any]] = {}
        self._epoch = 0
        self._keys: dict[str, dict[str, Any]] = {}
        if path.exists():
            known = json.loads(path.read_text(encoding="utf-8"))
            self._closed = {centre: why for centre, why in known["closed"].items() if centre in self._centres}
            self._epoch, self._keys = known["epoch"], known["keys"]

    def is_open(self, centre: str) -> bool:
        """Whether customers may enter there."""
        return centre not in self._closed

    def describe(self) -> dict[str, Any]:
        """{closed: {centre: {since, reason, key}}, epoch}."""
        return {"closed": self._closed, "epoch": self._epoch}

    def change(self, body: object) -> dict[str, Any]:
        """Open or close one centre: {centre, open, key, epoch, reason}. Raises SettingsError, StaleEntrance."""
        centre, wanted, key, epoch, reason = self._read(body)
        if key in self._keys:
            return {**self._keys[key], "replayed": True}
        if epoch < self._epoch:
            raise StaleEntrance(f"epoch {epoch} is below {self._epoch}, the highest that was seen: a newer owner acts")
        changed = self.is_open(centre) != wanted
        if not wanted and set(self._centres) - set(self._closed) <= {centre}:
            raise SettingsError(f"{centre} is the last open entrance: open another one first")
        if wanted:
            self._closed.pop(centre, None)
        elif changed:
            self._closed[centre] = {"since": self._now(), "reason": reason, "key": key}
        self._epoch = epoch
        result = {"centre": centre, "open": wanted, "changed": changed, "key": key, "epoch": epoch}
        self._keys[key] = result
        self._keys = dict(list(self._keys.items())[-KEPT_KEYS:])
        self._save()
        return {**result, "replayed": False}

    def _read(self, body: object) -> tuple[str, bool, str, int, str]:
        if not isinstance(body, dict):
            raise SettingsError("an entrance is changed by {centre, open, key, epoch, reason}")
        centre, wanted, epoch = body.get("centre"), body.get("open"), body.get("epoch")
        key, reason = body.get("key"), body.get("reason")
        if centre not in self._centres:
            raise SettingsError(f"centre must be one of {', '.join(self._centres)}, not {centre!r}")
        if not isinstance(wanted, bool):
            raise SettingsError(f"open must be true or false, not {wanted!r}")
        if type(epoch) is not int or epoch < 0:
            raise SettingsError(f"epoch must be a whole number, 0 or above, not {epoch!r}")
        if not isinstance(key, str) or not 0 < len(key) <= 200 or not isinstance(reason, str) or not reason:
            raise SettingsError("key and reason must be texts")
        return centre, wanted, key, epoch, reason

    def _save(self) -> None:
        beside = self._path.with_suffix(".tmp")
        state = {"closed": self._closed, "epoch": self._epoch, "keys": self._keys}
        beside.write_text(json.dumps(state), encoding="utf-8")
        beside.replace(self._path)
