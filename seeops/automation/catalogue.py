"""The playbooks that can be run: read from `playbooks/`, with the options that their argument specs declare.

A playbook `restart.yml` belongs to the role `restart/`; `restart/meta/argument_specs.yml` declares its options (Ansible checks
them again) and `restart/meta/catalogue.yml` what the console must know: its effect on nodes (reads, changes, takes-out) and how
many nodes it works on at the same time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.utils.translation import gettext as _

from seeops.core.errors import InvalidInput, SeeOpsError
from seeops.environment import BASE_DIR

PLAYBOOKS = BASE_DIR / "playbooks"
EFFECTS = ("reads", "changes", "takes-out")
_TYPES = ("str", "int", "bool")


class CatalogueError(SeeOpsError):
    """A playbook's files contradict each other; the text names file and field."""

    status = 500
    code = "catalogue"


@dataclass(frozen=True)
class Option:
    """One input of a playbook. `type` is str, int or bool; `choices` empty means free."""

    name: str
    type: str
    description: str
    required: bool
    default: Any
    choices: tuple[str, ...] = ()

    @property
    def long(self) -> bool:
        return self.name == "content"


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
        options=tuple(_option(role.name, name, option) for name, option in (spec.get("options") or {}).items()),
        effect=effect,
        concurrency=int(facts.get("concurrency", 4)),
        started_by=facts.get("started_by", "form"),
        restores=bool(facts.get("restores", False)),
    )


def _option(role: str, name: str, option: dict[str, Any]) -> Option:
    kind = option.get("type", "str")
    if kind not in _TYPES:
        raise CatalogueError(f"{role}/meta/argument_specs.yml: option {name} has type {kind}; forms know {_TYPES}.")
    description = option.get("description", name)
    return Option(
        name=name,
        type=kind,
        description=" ".join(description) if isinstance(description, list) else description,
        required=bool(option.get("required", False)),
        default=option.get("default"),
        choices=tuple(str(choice) for choice in option.get("choices", ())),
    )


def _yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise CatalogueError(f"{path.name} of playbook {path.parent.parent.name} cannot be read: {error}") from error
    return content or {}


def checked(book: Playbook, values: dict[str, Any]) -> dict[str, Any]:
    """`values` with the types the playbook declares, unknown names refused. Raises InvalidInput naming the option."""
    unknown = set(values) - {option.name for option in book.options}
    if unknown:
        raise InvalidInput(
            _("%(playbook)s has no option %(names)s.") % {"playbook": book.title, "names": ", ".join(sorted(unknown))},
            field=sorted(unknown)[0],
        )
    return {
        option.name: _typed(option, values[option.name])
        for option in book.options
        if _given(option, values.get(option.name))
    }


def _given(option: Option, value: Any) -> bool:
    if value not in (None, ""):
        return True
    if option.required:
        raise InvalidInput(
            _("%(option)s is missing: fill it in and send the form again.") % {"option": option.description},
            field=option.name,
        )
    return False


def _typed(option: Option, value: Any) -> Any:
    if option.type == "bool":
        if isinstance(value, bool):
            return value
        return str(value).lower() in ("1", "true", "on", "yes")
    if option.type == "int":
        try:
            return int(value)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                _("%(option)s: “%(value)s” is not a whole number.")
                % {"option": option.description, "value": str(value)[:40]},
                field=option.name,
            ) from error
    if option.choices and str(value) not in option.choices:
        raise InvalidInput(
            _("%(option)s: “%(value)s” is none of %(choices)s.")
            % {"option": option.description, "value": str(value)[:40], "choices": ", ".join(option.choices)},
            field=option.name,
        )
    return str(value)
