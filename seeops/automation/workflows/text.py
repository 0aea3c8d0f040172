"""Workflows as YAML: what is kept beside code and read by people. `read(write(x)) == x` for every canonical form. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from seeops.automation.workflows.definition import normal

LONGEST = 1_000_000


class UnreadableText(Exception):
    """The text is no YAML of a workflow; says where."""


class _Dumper(yaml.SafeDumper):
    """No anchors: a list that stands twice is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Loader(yaml.SafeLoader):
    """As JSON knows values: no dates, no anchors, no key twice."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise UnreadableText(f"line {mark.line + 1}: anchors and aliases are not used in workflows")
        return super().compose_node(parent, index)


def _text(dumper: _Dumper, value: str) -> yaml.ScalarNode:
    # A block keeps scripts readable; what it could not give back as it was (other line ends, control signs) is quoted.
    plain = all(char == "\n" or char.isprintable() for char in value)
    style = '"' if not plain else "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = loader.construct_object(key_node, deep=True)
        if not isinstance(key, str):
            raise UnreadableText(f"line {key_node.start_mark.line + 1}: the name {key!r} is no text: put it in quotes")
        if key in result:
            raise UnreadableText(f"line {key_node.start_mark.line + 1}: “{key}” stands twice")
        result[key] = loader.construct_object(value_node, deep=True)
    return result


_Dumper.add_representer(str, _text)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}  # fmt: skip


def write(definition: dict[str, Any]) -> str:
    """The text of a definition, in its canonical form."""
    return yaml.dump(
        normal(definition), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )


def read(text: str) -> dict[str, Any]:
    """The data in a text. Raises UnreadableText naming the line."""
    if len(text) > LONGEST:
        raise UnreadableText(f"the text has {len(text)} characters, at most {LONGEST} are read")
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 - a loader of plain values
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UnreadableText(f"line {line}: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UnreadableText(str(error).split("\n")[0][:200] or "nested too deep") from error
    if not isinstance(found, dict):
        raise UnreadableText("the text must be a map with title, start and steps")
    return found
