"""May these services be changed now? Asked here before a node is told to change, answered by change control.

The inventory stands below change control and cannot import it, so change control hands its answer in when the apps are loaded.
Without an answer nothing is changed: a console that was put together without change control must not be one without rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from seeops.inventory.models import Service

# Called with who asks and the services; raises RuleViolation while production is frozen for one of them.
Answer = Callable[[Any, list[Service]], None]
_answers: list[Answer] = []


def answered_by(answer: Answer) -> None:
    """Take over who answers. Called once, when the apps are ready."""
    _answers[:] = [answer]


def require(actor: Any, services: Iterable[Service]) -> None:
    """Raises RuleViolation (code "frozen") while these services may not be changed."""
    if not _answers:
        raise RuntimeError("nobody answers whether production may be changed: change control is not installed")
    _answers[0](actor, list(services))
