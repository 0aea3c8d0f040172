"""What can go wrong by rule, as a tree.

SeeOpsError
├── Forbidden        the person may not do this to this object
├── RuleViolation    a rule of the business says no (wrong state, own approval, frozen window …)
│   └── Conflict     somebody else changed or holds the object meanwhile
├── InvalidInput     what was sent cannot be understood; carries the field
└── Unavailable      a part beside us did not answer; the outcome may be unknown
"""

from __future__ import annotations


class SeeOpsError(Exception):
    """Base of all errors a user may see. `message` says what happened, to which object, and what to do next."""

    status = 400
    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code:
            self.code = code

    def __str__(self) -> str:
        return str(self.message)


class Forbidden(SeeOpsError):
    status = 403
    code = "forbidden"


class RuleViolation(SeeOpsError):
    status = 409
    code = "rule"


class Conflict(RuleViolation):
    code = "conflict"


class InvalidInput(SeeOpsError):
    status = 400
    code = "invalid"

    def __init__(self, message: str, *, field: str = "", code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Unavailable(SeeOpsError):
    status = 503
    code = "unavailable"
