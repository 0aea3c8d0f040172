"""Compares what the replicas came to at the same entries: often the digest of all answers, now and then the entire state.

Any difference that a customer could see is in the digest, which costs nothing; the hash of the entire state costs milliseconds.
"""

HASH_EVERY = 128
FULL_HASH_EVERY = 16_384
_KEPT = 64


class HashComparison:
    """Own hashes of the last checkpoints, and what peers reported about theirs."""

    def __init__(self) -> None:
        self._own: dict[int, int] = {}
        self._reported: dict[tuple[str, int], int] = {}
        self.mismatches: dict[str, int] = {}
        self.compared = 0
        self._settled: dict[str, int] = {}

    def own(self, index: int, state_hash: int) -> None:
        """This replica's hash after entry `index`."""
        self._own[index] = state_hash
        while len(self._own) > _KEPT:
            del self._own[next(iter(self._own))]
        for peer, reported in [key for key in self._reported if key[1] <= index]:
            value = self._reported.pop((peer, reported))
            if reported == index:
                self._compare(peer, index, value)

    def reported(self, peer: str, index: int, state_hash: int) -> None:
        """A peer's hash after entry `index`; 0 = it has none yet."""
        if index == 0 or index <= self._settled.get(peer, 0):
            return
        if index in self._own:
            self._compare(peer, index, state_hash)
        elif not self._own or index > max(self._own):
            self._reported[peer, index] = state_hash
            for key in [key for key in self._reported if key[0] == peer][:-_KEPT]:
                del self._reported[key]

    def _compare(self, peer: str, index: int, value: int) -> None:
        self._settled[peer] = max(index, self._settled.get(peer, 0))
        self.compared += 1
        if self._own[index] != value:
            self.mismatches[peer] = self.mismatches.get(peer, 0) + 1
