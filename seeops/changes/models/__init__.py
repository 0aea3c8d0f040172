"""Change tickets, the approvals they need, and the calendar that says when nothing may change."""

from seeops.changes.models.approving import ApprovalRule, ApproverGroup, Delegation
from seeops.changes.models.calendar import CalendarDay, ChangePolicy, FreezeInterval, FreezeKind, FreezeRule
from seeops.changes.models.glass import BreakGlass
from seeops.changes.models.templates import StandardTemplate
from seeops.changes.models.tickets import (
    Approval,
    ChangeTicket,
    Decision,
    Reversibility,
    RiskLevel,
    TicketKind,
    TicketState,
)

__all__ = [
    "Approval",
    "ApprovalRule",
    "ApproverGroup",
    "BreakGlass",
    "CalendarDay",
    "ChangePolicy",
    "ChangeTicket",
    "Decision",
    "Delegation",
    "FreezeInterval",
    "FreezeKind",
    "FreezeRule",
    "Reversibility",
    "RiskLevel",
    "StandardTemplate",
    "TicketKind",
    "TicketState",
]
