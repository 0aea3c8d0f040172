"""What a gate found, and what it relied on."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from seeops.core.clock import now

# A difference quotes what both versions say of a command: cut off before the second one it says nothing.
MOST_TEXT = 800


class GateKind(models.TextChoices):
    SHADOW = "shadow", _("journal replayed")
    CHAOS = "chaos", _("fault survived")


class GateState(models.TextChoices):
    WAITING = "waiting", _("waiting")
    RUNNING = "running", _("running")
    PASSED = "passed", _("passed")
    FAILED = "failed", _("failed")
    INCONCLUSIVE = "inconclusive", _("inconclusive")
    STOPPED = "stopped", _("stopped")


OPEN = (GateState.WAITING, GateState.RUNNING)
MARK = {
    GateState.WAITING: "progress", GateState.RUNNING: "progress", GateState.PASSED: "good", GateState.FAILED: "bad",
    GateState.INCONCLUSIVE: "attention", GateState.STOPPED: "absent",
}  # fmt: skip


class Gate(models.Model):
    """One attempt of one gate of a part. `work` names what it relies on: a shadow run per shard, or an experiment run.

    `evidence` is what was decided from, `digest` the SHA-256 of its canonical JSON.
    """

    release = models.ForeignKey("releases.Release", on_delete=models.PROTECT, related_name="gates")
    part = models.ForeignKey("releases.ReleasePart", on_delete=models.PROTECT, related_name="gates")
    kind = models.CharField(max_length=10, choices=GateKind.choices)
    attempt = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=14, choices=GateState.choices, default=GateState.WAITING)
    began = models.DateTimeField()
    until = models.DateTimeField(help_text=_("what is not decided by then is inconclusive"))
    ended = models.DateTimeField(null=True, blank=True)
    text = models.CharField(max_length=MOST_TEXT, blank=True, default="")
    work = models.JSONField(default=dict, blank=True)
    evidence = models.JSONField(default=dict, blank=True)
    digest = models.CharField(max_length=64, blank=True, default="")

    class Meta:
        app_label = "releases"
        verbose_name = _("gate")
        ordering = ["release", "part", "kind", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["part", "kind", "attempt"], name="gate_attempt_once"),
            models.UniqueConstraint(
                fields=["part", "kind"], condition=Q(state__in=["waiting", "running"]), name="one_open_gate_of_a_kind"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["waiting", "running"], ended__isnull=True)
                | (~Q(state__in=["waiting", "running"]) & Q(ended__isnull=False)),
                name="gate_ended_when_decided",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["passed", "failed"]) | ~Q(digest=""), name="gate_decided_has_evidence"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.part_id} {self.kind} {self.attempt}"

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def mark(self) -> str:
        return MARK[GateState(self.state)]

    @property
    def overdue(self) -> bool:
        return self.open and now() > self.until
