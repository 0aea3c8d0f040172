"""Saving, submitting and deciding versions of workflows. A version is saved only when the checks find no error."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from seeops.accounts import rights
from seeops.audit import services as audit
from seeops.automation import catalogue
from seeops.automation.models import Workflow, WorkflowVersion
from seeops.automation.workflow_states import VersionState
from seeops.automation.workflows.checks import Around, called, check, refused
from seeops.automation.workflows.definition import begun, digest, normal
from seeops.automation.workflows.findings import Finding
from seeops.automation.workflows.text import UnreadableText, read
from seeops.core.clock import now
from seeops.core.errors import Conflict, Forbidden, InvalidInput, RuleViolation
from seeops.core.live import announce


class NotSound(InvalidInput):
    """The checks found errors; `findings` has them all."""

    code = "not_sound"

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        first = next(item for item in findings if item.severity == "error")
        where = f"{first.step}: " if first.step else ""
        count = sum(item.severity == "error" for item in findings)
        super().__init__(
            _("Not saved, %(n)d errors. %(first)s") % {"n": count, "first": f"{where}{first.text} {first.remedy}"},
            field="definition",
        )


def around(slug: str) -> Around:
    """What a workflow is checked against: the catalogue, approved versions, and who runs whom in the newest versions."""
    books = {
        book.code: {
            "from_form": book.from_form,
            "changes_nodes": book.changes_nodes,
            "options": {
                o.name: {"type": o.type, "required": o.required, "choices": list(o.choices)} for o in book.options
            },
        }
        for book in catalogue.playbooks().values()
    }
    newest = WorkflowVersion.objects.order_by("workflow_id", "-number").distinct("workflow_id")
    calls = {name: called(flow) for name, flow in newest.values_list("workflow__slug", "definition")}
    return Around(playbooks=books, version=_approved, calls=calls, slug=slug)


def _approved(slug: str, number: int) -> dict[str, Any] | None:
    found = WorkflowVersion.objects.filter(workflow__slug=slug, number=number, state=VersionState.APPROVED)
    return found.values_list("definition", flat=True).first()


def parsed(text: str) -> dict[str, Any]:
    """The data of a YAML text. Raises InvalidInput naming the line."""
    try:
        return read(text)
    except UnreadableText as error:
        raise InvalidInput(_("The YAML cannot be read: %(error)s.") % {"error": error}, field="yaml") from error


@transaction.atomic
def workflow_create(*, actor: Any, title: str) -> Workflow:
    """A new workflow with a harmless first version. Raises Forbidden, InvalidInput, Conflict."""
    rights.require(actor, "workflow.edit")
    slug = slugify(title)[:60]
    if not slug or slug in ("runs", "steps", "schedules"):
        raise InvalidInput(_("The title needs some letters or digits: its short name is made of them."), field="title")
    if Workflow.objects.filter(slug=slug).exists():
        raise Conflict(_("There is a workflow “%(slug)s” already: choose another title.") % {"slug": slug})
    workflow = Workflow.objects.create(slug=slug, title=title[:120], created_by=actor)
    audit.record(actor=actor, action="workflow.create", obj=workflow, after={"title": workflow.title})
    version_save(actor=actor, workflow=workflow, definition=begun(title[:120]), base=0, note=_("first version"))
    return workflow


@transaction.atomic
def version_save(*, actor: Any, workflow: Workflow, definition: Any, base: int, note: str = "") -> WorkflowVersion:
    """Keep a new version. `base` is the number it was made from: Conflict when a newer one was saved meanwhile.
    Raises Forbidden, NotSound."""
    rights.require(actor, "workflow.edit")
    Workflow.objects.select_for_update().get(pk=workflow.pk)
    findings = check(definition, around(workflow.slug))
    if refused(findings):
        raise NotSound(findings)
    flow = normal(definition)
    last = workflow.versions.order_by("-number").first()
    if (last.number if last else 0) != base:
        raise Conflict(
            _("%(workflow)s has version %(n)d meanwhile: look at it, then save yours on top of it.")
            % {"workflow": workflow.slug, "n": last.number if last else 0}
        )
    if last is not None and last.digest == digest(flow):
        raise RuleViolation(_("Nothing was changed since version %(n)d.") % {"n": last.number})
    version = WorkflowVersion.objects.create(
        workflow=workflow, number=base + 1, definition=flow, digest=digest(flow), note=note[:300], created_by=actor
    )
    Workflow.objects.filter(pk=workflow.pk).update(title=flow["title"])
    audit.record(
        actor=actor,
        action="workflow.save",
        obj=version,
        reason=note,
        after={"number": version.number, "digest": version.digest},
    )
    announce("workflows")
    return version


@transaction.atomic
def version_submit(*, actor: Any, version: WorkflowVersion) -> None:
    """Ask for approval."""
    rights.require(actor, "workflow.edit")
    _move(version, VersionState.SAVED, state=VersionState.SUBMITTED)
    audit.record(actor=actor, action="workflow.submit", obj=version, after={"digest": version.digest})
    announce("workflows")


@transaction.atomic
def version_decide(*, actor: Any, version: WorkflowVersion, approve: bool, digest: str, reason: str) -> None:
    """Approve or reject what was read: `digest` is that of the content shown. The author cannot, whatever the rights."""
    rights.require(actor, "workflow.approve")
    if version.created_by_id == actor.pk:
        raise Forbidden(_("%(version)s is your own: somebody else must decide.") % {"version": version})
    if digest != version.digest:
        raise Conflict(_("What you have read is not %(version)s as it is: read it again.") % {"version": version})
    if not approve and not reason.strip():
        raise InvalidInput(_("The reason is missing: say why it is rejected."), field="reason")
    state = VersionState.APPROVED if approve else VersionState.REJECTED
    _move(version, VersionState.SUBMITTED, state=state, decided_by=actor, decided_at=now(), decision_reason=reason)
    audit.record(
        actor=actor, action="workflow.approve" if approve else "workflow.reject", obj=version, reason=reason,
        after={"digest": version.digest},
    )  # fmt: skip
    announce("workflows")


def _move(version: WorkflowVersion, expected: str, **values: Any) -> None:
    if not WorkflowVersion.objects.filter(pk=version.pk, state=expected).update(**values):
        version.refresh_from_db()
        raise Conflict(
            _("%(version)s is %(state)s: this step is not possible.")
            % {"version": version, "state": version.get_state_display()}
        )
    version.refresh_from_db()
