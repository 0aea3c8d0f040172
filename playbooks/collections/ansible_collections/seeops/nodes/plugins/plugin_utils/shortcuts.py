# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker of the fleet strategy computes once instead of once per host.

Such a worker lives for one task and serves many hosts; what follows from the task, the configuration and the plugins on disk
alone is then the same for all of them. `take()` must only be called in such a worker, never in the parent. Each shortcut gives
what the long way gives; tests run both over the same playbooks.
"""

from __future__ import annotations

import contextlib
import copy
import typing as t
from collections.abc import Iterator

from ansible import constants as C
from ansible._internal._templating._engine import TemplateEngine
from ansible._internal._templating._jinja_bits import JINJA2_OVERRIDE, AnsibleTemplateExpression, TemplateOverrides
from ansible.playbook.base import FieldAttributeBase
from ansible.plugins.loader import PluginLoader
from ansible.utils.sentinel import Sentinel
from jinja2.environment import TemplateExpression

MOST_COMPILED = 256
_PLAIN = (bool, int, type(None))
_TYPES = {"bool": bool, "int": int, "string": str, "list": list, "dict": dict}


def take() -> None:
    _plain_attributes()
    _plugins_found()
    _plugin_options()
    _compiled_once()


def _plain_attributes() -> None:
    """A keyword whose value is a plain constant needs no template engine to be validated."""
    long_way = FieldAttributeBase.post_validate_attribute
    constant: dict[tuple[type, str], bool] = {}

    def post_validate_attribute(self: t.Any, name: str, *, templar: t.Any) -> t.Any:
        key = (type(self), name)
        if key not in constant:
            attribute = self.fattributes[name]
            constant[key] = (
                not attribute.static
                and not attribute.required
                and attribute.isa in ("bool", "int", "list", "dict", "string")
                and not hasattr(self, f"_post_validate_{name}")
                and (attribute.always_post_validate or self._post_validate_object)
            )
        if not constant[key]:
            return long_way(self, name, templar=templar)
        value = getattr(self, name)
        if value is None:
            return Sentinel
        isa = self.fattributes[name].isa
        if (isa == "bool" and type(value) is bool) or (isa == "int" and type(value) is int):
            return value
        if (isa == "list" and type(value) is list and not value) or (
            isa == "dict" and type(value) is dict and not value
        ):
            return type(value)()
        return long_way(self, name, templar=templar)

    FieldAttributeBase.post_validate_attribute = post_validate_attribute


def _plain(value: object) -> bool:
    """Nothing in it that a template engine would look at."""
    if isinstance(value, str):
        return "{" not in value and not value.startswith("#")
    return type(value) in _PLAIN or (type(value) in (list, dict) and not value)


def _plugins_found() -> None:
    """Where a plugin lies does not change while the task runs."""
    long_way = PluginLoader.find_plugin_with_context
    found: dict = {}

    def find_plugin_with_context(
        self: t.Any, name: str, mod_type: str = "", ignore_deprecated: bool = False, check_aliases: bool = False,
        collection_list: list[str] | None = None,
    ) -> t.Any:  # fmt: skip
        key = (id(self), name, mod_type, ignore_deprecated, check_aliases, tuple(collection_list or ()))
        if key not in found:
            found[key] = long_way(self, name, mod_type, ignore_deprecated, check_aliases, collection_list)
        return copy.copy(found[key])

    PluginLoader.find_plugin_with_context = find_plugin_with_context


def _plugin_options() -> None:
    """Options of a plugin depend on the configuration, on the task's keywords of the same names and on the host's variables;
    hosts that set none of the latter share them."""
    manager, long_way, kept, words = C.config, C.config.get_plugin_options_and_origins, {}, {}

    def keywords(kind: str, name: str) -> tuple[str, ...]:
        if (kind, name) not in words:
            definitions = manager.get_configuration_definitions(plugin_type=kind, name=name)
            given = {entry["name"] for each in definitions.values() for entry in each.get("keyword") or ()}
            words[kind, name] = tuple(sorted(given | set(definitions)))
        return words[kind, name]

    def get_plugin_options_and_origins(
        kind: str, name: str, keys: t.Any = None, variables: t.Any = None, direct: t.Any = None
    ) -> tuple[dict, dict]:
        values = tuple((keys or {}).get(word) for word in keywords(kind, name))
        if variables or direct or not all(isinstance(value, (str, *_PLAIN)) for value in values):
            return long_way(kind, name, keys=keys, variables=variables, direct=direct)
        key = (kind, name, keys is None, values)
        if key not in kept:
            kept[key] = long_way(kind, name, keys=keys, variables=variables, direct=direct)
        options, origins = kept[key]
        return {name: copy.copy(value) for name, value in options.items()}, dict(origins)

    manager.get_plugin_options_and_origins = get_plugin_options_and_origins


def _compiled_once() -> None:
    """The code of a template follows from its text and from how backslashes are read. Texts of a task's keywords are the same object
    for every host, so what hosts bring in (variables, facts) is compiled as always."""
    template_of, expression_of = TemplateEngine._compile_template, TemplateEngine._compile_expression
    code: dict[tuple[str, int, bool], tuple[str, t.Any]] = {}

    def compile_kept(kind: str, text: str, options: t.Any, engine: t.Any, compile_it: t.Callable[[], t.Any]) -> t.Any:
        if options.overrides is not TemplateOverrides.DEFAULT or text.startswith(JINJA2_OVERRIDE):
            return compile_it()
        environment, key = engine.environment, (kind, id(text), options.escape_backslashes)
        if key in code:
            template = environment.template_class.from_code(
                environment, code[key][1], environment.make_globals(None), None
            )
            return AnsibleTemplateExpression(TemplateExpression(template, False)) if kind == "expression" else template
        with _code_kept(type(environment)) as kept:
            compiled = compile_it()
        if len(kept) == 1 and len(code) < MOST_COMPILED:
            code[key] = (text, kept[0])  # the text is held, so that its id stays its own
        return compiled

    def _compile_template(self: t.Any, template: str, options: t.Any) -> t.Any:
        return compile_kept("template", template, options, self, lambda: template_of(self, template, options))

    def _compile_expression(self: t.Any, expression: str, options: t.Any) -> t.Any:
        return compile_kept("expression", expression, options, self, lambda: expression_of(self, expression, options))

    TemplateEngine._compile_template, TemplateEngine._compile_expression = _compile_template, _compile_expression


@contextlib.contextmanager
def _code_kept(environment: type) -> Iterator[list]:
    """What is compiled meanwhile."""
    compile_it, kept = environment.compile, []

    def compile_and_keep(self: t.Any, *given: t.Any, **more: t.Any) -> t.Any:
        kept.append(compile_it(self, *given, **more))
        return kept[-1]

    environment.compile = compile_and_keep
    try:
        yield kept
    finally:
        environment.compile = compile_it
