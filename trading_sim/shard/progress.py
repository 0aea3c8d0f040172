"""What a leader knows about one follower."""

from dataclasses import dataclass

#: Entries a follower may be sent ahead of what it has acknowledged; a lost one is noticed by the next heartbeat.
WINDOW_ENTRIES = 512


@dataclass(slots=True)
class Progress:
    """`next`: the entry to send next; `match`: highest entry known durable there. While `probing`, one message at a time
    looks for the common prefix. `echo_ns`: when (leader's clock) the newest answered message was sent: the lease counts
    from there. `snapshot_index` > 0: the follower is being sent that snapshot, `snapshot_offset` is the next byte.
    `repairing`: it said that its disk lost what it had acknowledged; it neither votes nor leads until it has that back."""

    next: int
    match: int = 0
    probing: bool = True
    probe_sent: bool = False
    echo_ns: int = -(1 << 62)
    snapshot_index: int = 0
    snapshot_offset: int = 0
    repairing: bool = False

    def accepted(self, index: int) -> None:
        """The follower has everything up to `index` on disk."""
        self.match = max(self.match, index)
        self.next = max(self.next, self.match + 1)
        self.probing = self.probe_sent = False

    def refused(self, prev_index: int, hint: int, repairing: bool) -> bool:
        """The follower does not hold `prev_index`; False when that answer is an old one."""
        if repairing:
            self.match = min(self.match, hint)
        elif prev_index <= self.match or (self.probing and prev_index != self.next - 1):
            return False
        self.next = max(self.match, min(hint, prev_index - 1)) + 1
        self.probing, self.probe_sent = True, False
        return True

    @property
    def window_open(self) -> bool:
        """May more entries be sent now?"""
        if self.probing:
            return not self.probe_sent
        return self.next - self.match <= WINDOW_ENTRIES
