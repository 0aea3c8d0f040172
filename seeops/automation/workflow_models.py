"""Workflows, their immutable versions, and their runs step by step."""

from __future__ import annotations

import pgtrigger
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from seeops.automation import workflow_states as states
from seeops.core.leases import Leased


class Workflow(models.Model):
    """A name under which versions are kept."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("workflow")
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug


class WorkflowVersion(models.Model):
    """One saved state of a workflow. Its content never changes; only the decision about it is added, once."""

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    definition = models.JSONField(encoder=DjangoJSONEncoder)
    digest = models.CharField(max_length=64)
    note = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=states.VersionState.choices, default=states.VersionState.SAVED)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)

    class Meta:
        verbose_name = _("version of a workflow")
        ordering = ["workflow", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["workflow", "number"], name="workflow_version_once"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("created_by")), name="workflow_author_does_not_decide"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=("approved", "rejected")) | Q(decided_by__isnull=False), name="workflow_decision_has_a_person"
            ),
        ]  # fmt: skip
        triggers = [
            pgtrigger.Protect(
                name="content_stays",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("workflow", "number", "definition", "digest", "created_by"),
            ),
            pgtrigger.Protect(
                name="decided_once", operation=pgtrigger.Update, condition=pgtrigger.Q(old__state__in=("approved", "rejected"))
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.workflow.slug} v{self.number}"

    @property
    def mark(self) -> str:
        return states.VERSION_MARK[self.state]


class WorkflowRun(Leased):
    """One run of one version. `current` is the step to begin next or under way outside of every fork, or `done` / `failed`;
    `branches` are the places inside of forks (see `workflows.places`)."""

    number = models.CharField(max_length=20, unique=True)
    version = models.ForeignKey(WorkflowVersion, on_delete=models.PROTECT, related_name="runs")
    parent = models.OneToOneField("StepRun", on_delete=models.PROTECT, null=True, blank=True, related_name="child")
    inputs = models.JSONField(default=dict)
    trial = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=states.RunState.choices, default=states.RunState.RUNNING)
    state_reason = models.TextField(blank=True)
    current = models.CharField(max_length=40)
    branches = models.JSONField(default=dict, blank=True)
    pause_requested = models.BooleanField(default=False)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    reason = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    stumbles = models.PositiveSmallIntegerField(default=0)

    class Meta:
        verbose_name = _("run of a workflow")
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"], name="workflowrun_state")]

    def __str__(self) -> str:
        return f"{self.number} {self.version.workflow.slug}"

    @property
    def mark(self) -> str:
        return states.RUN_MARK[self.state]

    @property
    def active(self) -> bool:
        return self.state in states.ACTIVE


class StepRun(Leased):
    """One attempt at one step. `parameters` are what it was told, references replaced; `key` its name to the world outside.

    `acting_at` is written before anything outside is touched: a process that died earlier has surely done nothing.
    """

    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="steps")
    step = models.CharField(max_length=40)
    branch = models.CharField(max_length=60, blank=True, default="", help_text=_("branch of a fork in which it runs"))
    attempt = models.PositiveIntegerField()
    kind = models.CharField(max_length=12)
    state = models.CharField(max_length=12, choices=states.StepState.choices)
    key = models.CharField(max_length=80)
    parameters = models.JSONField(default=dict)
    outputs = models.JSONField(default=dict)
    progress = models.JSONField(default=dict)
    problem = models.TextField(blank=True)
    outcome = models.CharField(max_length=8, blank=True)
    playbook_run = models.OneToOneField(
        "automation.Run", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    pid = models.PositiveIntegerField(null=True, blank=True)
    pid_started_at = models.FloatField(null=True, blank=True)
    host = models.CharField(max_length=120, blank=True)
    spawned_at = models.DateTimeField(null=True, blank=True)
    acting_at = models.DateTimeField(null=True, blank=True)
    heartbeat_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    settled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = _("step of a run")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "attempt"], name="workflow_attempt_once"),
            models.UniqueConstraint(
                fields=["run", "branch"], condition=Q(state__in=states.LIVE_STEP), name="workflow_one_step_at_a_time"
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.run.number}/{self.step}/{self.attempt}"

    @property
    def mark(self) -> str:
        return states.STEP_MARK[self.state]


class StepDecision(models.Model):
    """What one person said to an approval step."""

    step_run = models.ForeignKey(StepRun, on_delete=models.CASCADE, related_name="decisions")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    agreed = models.BooleanField()
    comment = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["step_run", "person"], name="workflow_decides_once")]

    def __str__(self) -> str:
        return f"{self.person} {self.agreed}"


class WorkflowEvent(models.Model):
    """One line of a run's history."""

    run = models.ForeignKey(WorkflowRun, on_delete=models.CASCADE, related_name="history")
    at = models.DateTimeField()
    step = models.CharField(max_length=40, blank=True)
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=400)

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.at:%H:%M:%S} {self.text}"
