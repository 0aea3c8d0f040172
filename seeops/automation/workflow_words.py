"""Words that the scripts of workflow pages show, in the reader's language."""

from __future__ import annotations

from django.utils.translation import gettext as _

from seeops.automation.workflows.kinds import KINDS
from seeops.core import sentences


def words() -> dict[str, dict[str, str]]:
    """{"words": word of the script → text, "kinds": code → title}."""
    return {"words": _words(), "kinds": {kind.code: sentences.read(kind.title) for kind in KINDS.values()}}


def _words() -> dict[str, str]:
    return {
        "success": _("success"), "failure": _("failure"), "yes": _("yes"), "no": _("no"), "done": _("done"),
        "failed": _("failed"), "error": _("error"), "warning": _("warning"), "start": _("runs first"),
        "first": _("first"), "second": _("second"), "third": _("third"), "fourth": _("fourth"),
        "copied": _("copied: Ctrl V puts it in"), "copy": _("Copy the step"),
        "connect": _("OUTCOME of STEP: press, then choose where it leads"), "title": _("Title"), "name": _("Name"),
        "nameHelp": _("References to this step use this name."), "value": _("Value"), "add": _("add"),
        "remove": _("Remove"), "left": _("What is compared"), "operator": _("Comparison"), "then": _("What follows"),
        "makeFirst": _("Let it run first"), "removeStep": _("Remove the step"), "description": _("Description"),
        "inputs": _("Inputs"), "type": _("Type"), "default": _("Default"), "required": _("required"),
        "workflow": _("The workflow"), "sound": _("Nothing is wrong."), "notChecked": _("Not checked:"),
        "hint": _("Drag steps to move them, drag from an outcome to where it leads. Keys: arrows move, Delete removes, Ctrl C and Ctrl V copy, Enter on an outcome and then on a step connects."),
        "chooseTarget": _("Choose the step where it leads; Escape gives up."),
    }  # fmt: skip
