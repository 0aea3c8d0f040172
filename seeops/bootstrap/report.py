"""What a person sees of the bootstrap: one line per step with its time, one block at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


def say(text: str = "") -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def complain(text: str) -> None:
    """Print one line of trouble on standard error."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(title: str) -> Iterator[StepNote]:
    """Time one step and print its line when it ends, also when it fails."""
    note = StepNote()
    started = time.monotonic()
    if sys.stdout.isatty():
        print(f"  …  {title}", end="\r", flush=True)
    outcome = "failed"
    try:
        yield note
        outcome = note.text
    finally:
        say(f"{time.monotonic() - started:7.1f} s  {title:<44} {outcome}")


class StepNote:
    """How a step ended, in a few words; "done" unless the step says otherwise."""

    def __init__(self) -> None:
        self.text = "done"

    def set(self, text: str) -> None:
        self.text = text
