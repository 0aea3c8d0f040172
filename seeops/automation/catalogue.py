"""The playbooks that can be run: read from `playbooks/`, with the options that their argument specs declare.

A playbook `restart.yml` belongs to the role `restart/`; `restart/meta/argument_specs.yml` declares its options (Ansible checks
them again) and `restart/meta/catalogue.yml` what the console must know: its effect on nodes (reads, changes, takes-out), whether it
restores (brings nodes back, so no freeze stops it) and how many nodes it works on at the same time; further `check` (it can say
beforehand what it would do), `rounds` (it goes by rounds that leave every group enough nodes), `in_order` (its slices must follow one
another), `limits` of numbers, `long` texts and `one_of` (one of these options must be given).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from seeops.automation.options import TYPES, Option, given, typed
from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.environment import BASE_DIR, env

# Another folder of playbooks, with the same layout, may take the place of the bundled one.
PLAYBOOKS = Path(env("SEEOPS_PLAYBOOKS", str(BASE_DIR / "playbooks")))
EFFECTS = ("reads", "changes", "takes-out")


class CatalogueError(SeeOpsError):
    """A playbook's files contradict each other; the text names file and field."""

    status = 500
    code = "catalogue"


@dataclass(frozen=True)
class Playbook:
    code: str
    title: str
    description: str
    options: tuple[Option, ...]
    effect: str
    concurrency: int
    started_by: str
    restores: bool = False
    check: bool = False
    rounds: bool = False
    in_order: bool = False
    one_of: tuple[str, ...] = ()

    @property
    def changes_nodes(self) -> bool:
        """Whether freezes and locks hold for it: whatever does more than read, unless it brings nodes back."""
        return self.effect != "reads" and not self.restores

    @property
    def path(self) -> Path:
        return PLAYBOOKS / f"{self.code}.yml"

    @property
    def from_form(self) -> bool:
        """Whether people start it directly; the others are started by another part of the console."""
        return self.started_by == "form"


@cache
def playbooks() -> dict[str, Playbook]:
    """Every playbook by its code, in order of title. Raises CatalogueError."""
    found = [_read(path) for path in sorted(PLAYBOOKS.glob("*.yml"))]
    return {playbook.code: playbook for playbook in sorted(found, key=lambda playbook: playbook.title)}


def playbook(code: str) -> Playbook:
    """One playbook. Raises InvalidInput."""
    try:
        return playbooks()[code]
    except KeyError:
        raise InvalidInput(_("There is no playbook “%(code)s”.") % {"code": code}, field="playbook") from None


def _read(path: Path) -> Playbook:
    role = path.with_suffix("")
    spec = _yaml(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]
    facts = _yaml(role / "meta" / "catalogue.yml")
    effect = facts.get("effect", "changes")
    if effect not in EFFECTS:
        raise CatalogueError(f"{role.name}/meta/catalogue.yml: effect “{effect}” is none of {', '.join(EFFECTS)}.")
    description = spec.get("description", "")
    return Playbook(
        code=role.name,
        title=spec["short_description"],
        description=" ".join(description) if isinstance(description, list) else description,
        options=tuple(_option(role.name, name, option, facts) for name, option in (spec.get("options") or {}).items()),
        effect=effect,
        concurrency=int(facts.get("concurrency", 4)),
        started_by=facts.get("started_by", "form"),
        restores=bool(facts.get("restores", False)),
        check=bool(facts.get("check", False)),
        rounds=bool(facts.get("rounds", False)),
        in_order=bool(facts.get("in_order", False)),
        one_of=tuple(facts.get("one_of", ())),
    )


def _option(role: str, name: str, option: dict[str, Any], facts: dict[str, Any]) -> Option:
    kind = option.get("type", "str")
    if kind not in TYPES:
        raise CatalogueError(f"{role}/meta/argument_specs.yml: option {name} has type {kind}; forms know {TYPES}.")
    description = option.get("description", name)
    least, most = facts.get("limits", {}).get(name, (None, None))
    return Option(
        name=name,
        type=kind,
        description=" ".join(description) if isinstance(description, list) else description,
        required=bool(option.get("required", False)),
        default=option.get("default"),
        choices=tuple(str(choice) for choice in option.get("choices", ())),
        least=least,
        most=most,
        long=name in facts.get("long", ()),
    )


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogueError(f"{path.name} of playbook {path.parent.parent.name} cannot be read: {error}") from error
    return content or {}


def checked(book: Playbook, values: dict[str, Any]) -> dict[str, Any]:
    """`values` with the types the playbook declares, unknown names refused. Raises InvalidInput naming the first option that is wrong."""
    found, problems = looked_at(book, values)
    if problems:
        raise problems[0]
    return found


def looked_at(book: Playbook, values: dict[str, Any]) -> tuple[dict[str, Any], list[InvalidInput]]:
    """(typed values, everything that is wrong with `values`); a form shows all of it at once, each beside its field."""
    found: dict[str, Any] = {}
    problems = _unknown(book, set(values) - {option.name for option in book.options})
    for option in book.options:
        try:
            if given(option, values.get(option.name)):
                found[option.name] = typed(option, values[option.name])
        except InvalidInput as error:
            problems.append(error)
    if book.one_of and not problems and not set(book.one_of) & set(found):
        words = {option.name: option.description for option in book.options}
        problems.append(
            InvalidInput(
                _("One of these is missing: %(options)s.") % {"options": "; ".join(words[n] for n in book.one_of)},
                field=book.one_of[0],
            )
        )
    return found, problems


def _unknown(book: Playbook, names: set[str]) -> list[InvalidInput]:
    if not names:
        return []
    text = _("%(playbook)s has no option %(names)s.") % {"playbook": book.title, "names": ", ".join(sorted(names))}
    return [InvalidInput(text, field=min(names))]
