"""The findings of a check: severity, sentence and remedy of each kind. Pure; pages read the sentences by `|sentence`."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = "error", "warning"


def _(text: str) -> str:
    """Marks a sentence for the catalogues."""
    return text


@dataclass(frozen=True)
class Finding:
    """`step` is empty when the whole workflow is meant."""

    code: str
    severity: str
    step: str
    text: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "severity": self.severity,
            "step": self.step,
            "text": self.text,
            "remedy": self.remedy,
        }


# code: (severity, what is wrong, what to do)
_KNOWN: dict[str, tuple[str, str, str]] = {
    "shape": (ERROR, _("%(path)s: %(problem)s"), _("Correct this place of the text.")),
    "no-start": (ERROR, _("The first step “%(start)s” is not there."), _("Choose the step that runs first.")),
    "no-success-edge": (ERROR, _("Nothing follows when the step succeeds."), _("Lead its success to a step, or to done.")),
    "no-failure-edge": (ERROR, _("Nothing follows when the step fails."), _("Lead its failure to a step, or to failed.")),
    "no-yes-edge": (ERROR, _("Nothing follows when the conditions hold."), _("Lead “yes” to a step, or to an end.")),
    "no-no-edge": (ERROR, _("Nothing follows when the conditions do not hold."), _("Lead “no” to a step, or to an end.")),
    "no-branch-edge": (ERROR, _("A fork begins at least two branches."), _("Lead its first and second way to a step each.")),
    "join-without-fork": (ERROR, _("No fork leads to this join."), _("Put a fork before it, or remove it.")),
    "join-from-outside": (ERROR, _("It leads to the join “%(join)s” from outside of the fork “%(fork)s”."),
                          _("Lead it to a step behind the join.")),
    "join-of-two": (ERROR, _("Two forks lead to this join: %(forks)s."), _("Give every fork a join of its own.")),
    "two-joins": (ERROR, _("The branches of the fork lead to different joins: %(joins)s."), _("Lead all of them to one join.")),
    "branch-ends": (ERROR, _("The %(way)s branch of the fork does not always reach a join."),
                    _("Lead every success and failure of the branch to the join; how the whole ends is decided there.")),
    "branches-touch": (ERROR, _("It lies in two branches that run at the same time."),
                       _("Give every branch steps of its own until the join.")),
    "lock-conflict": (ERROR, _("It changes nodes of %(what)s, and so does “%(other)s” in a branch that runs at the same time."),
                      _("Let one run after the other: a node has one owner at a time, and the second would be refused.")),
    "lock-perhaps": (WARNING, _("It may change the same nodes as “%(other)s” in a branch that runs at the same time."),
                     _("Let one run after the other, unless the inputs always name different services.")),
    "unknown-outcome": (ERROR, _("The step has no outcome “%(outcome)s”."), _("Remove the edge; its outcomes are %(outcomes)s.")),
    "unknown-step": (ERROR, _("Its %(outcome)s leads to “%(target)s”, which is not there."),
                     _("Lead the edge to a step that is there, or to an end.")),
    "cycle": (ERROR, _("The steps run in a circle: %(path)s."), _("Remove one edge of the circle; repeat work by a new run.")),
    "workflow-cycle": (ERROR, _("The workflow would run itself: %(path)s."), _("Remove this step, or move what both need into a third workflow.")),
    "unreachable": (ERROR, _("No way leads from the first step to this one."), _("Connect it, or remove it.")),
    "parameter": (ERROR, _("%(name)s: %(problem)s"), _("Correct this parameter of the step.")),
    "literal": (ERROR, _("%(name)s holds a reference, but must be plain: it decides what is approved."),
                _("Write the value itself; hand what varies over as an input.")),
    "unreadable": (ERROR, _("%(name)s: “%(text)s” cannot be read as a reference."),
                   _("Write ${inputs.NAME}, ${steps.STEP.FIELD} or ${run.number}; a plain ${ is written $${.")),
    "unknown-input": (ERROR, _("%(name)s: the workflow has no input “%(field)s”."), _("Declare the input, or correct the name.")),
    "unknown-reference": (ERROR, _("%(name)s: there is no step “%(other)s”."), _("Correct the name of the step.")),
    "unknown-field": (ERROR, _("%(name)s: “%(other)s” answers no “%(field)s”."), _("Choose one of %(fields)s.")),
    "not-before": (ERROR, _("%(name)s: “%(other)s” has not run on every way to this step."),
                   _("Move the step behind “%(other)s”, or ask only for what always ran.")),
    "not-succeeded": (ERROR, _("%(name)s: “%(other)s” may have failed on the way to this step, then it answers no “%(field)s”."),
                      _("Ask for its status or error, or lead its failure elsewhere.")),
    "type": (ERROR, _("%(name)s: %(reference)s is %(given)s, wanted is %(wanted)s."),
             _("Refer to a value of the wanted type, or write it down.")),
    "no-playbook": (ERROR, _("There is no playbook “%(playbook)s”."), _("Choose a playbook of the catalogue.")),
    "not-from-form": (ERROR, _("The playbook “%(playbook)s” is started by releases only."), _("Plan a release for it.")),
    "no-nodes": (ERROR, _("The step chooses no nodes."), _("Name a service, a centre, or the nodes.")),
    "no-option": (ERROR, _("The playbook has no option “%(option)s”."), _("Remove it; the options are %(options)s.")),
    "missing-option": (ERROR, _("The option “%(option)s” is missing."), _("Fill it in.")),
    "choice": (ERROR, _("The option “%(option)s” is “%(given)s”."), _("Choose one of %(choices)s.")),
    "no-workflow": (ERROR, _("“%(workflow)s” has no approved version %(version)s."), _("Choose a version that is approved.")),
    "no-workflow-input": (ERROR, _("The workflow has no input “%(option)s”."), _("Remove it; its inputs are %(options)s.")),
    "missing-workflow-input": (ERROR, _("The input “%(option)s” is missing."), _("Fill it in.")),
    "order": (ERROR, _("The condition compares %(given)s with “%(operator)s”, which orders numbers."),
              _("Compare numbers, or use == or !=.")),
    "default": (ERROR, _("The default of the input “%(name)s” is not of its type %(wanted)s."), _("Correct the default or the type.")),
    "unused-input": (WARNING, _("The input “%(name)s” is used nowhere."), _("Use it in a step, or remove it.")),
}  # fmt: skip


def finding(code: str, step: str, **values: object) -> Finding:
    """The finding `code` about a step with its values filled in."""
    severity, text, remedy = _KNOWN[code]
    return Finding(code, severity, step, text % values, remedy % values)
