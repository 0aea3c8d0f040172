"""Who is told when a run has ended: the app that queued it need not wait for its next look.

Told by the process of the run, which may be killed before: whoever listens looks after its runs by itself as well. Apps that stand
above automation hand themselves in when they are ready.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)
Listener = Callable[[int], None]
_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """`listener` gets the key of every run that has ended. Called once, when the apps are ready."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(run_id: int) -> None:
    """The run has ended and is stored so."""
    for listener in _listeners:
        try:
            listener(run_id)
        except Exception:  # what is not told is found by the next look; the run itself has ended well
            log.exception("nobody could be told that a run has ended", extra={"run": run_id})
