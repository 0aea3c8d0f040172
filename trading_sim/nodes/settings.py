"""The configuration file of a node: `key = value` lines, checked against the schema of the release that reads it."""

from __future__ import annotations

import hashlib

DEFAULT_SCHEMA = {
    "workers": {"type": "integer", "minimum": 1, "maximum": 64, "default": 8},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 500},
    "queue_limit_ms": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 300},
    "log_level": {"type": "string", "enum": ["debug", "info", "warning", "error"], "default": "info"},
}


class SettingsError(ValueError):
    """A configuration that the release does not accept; the text names line, key and what is allowed."""


class ConfigurationChanged(SettingsError):
    """The node's configuration is not the one that the caller saw: somebody else has changed it meanwhile."""


def digest(content: str) -> str:
    """SHA-256 of the file's bytes, as hex."""
    return hashlib.sha256(content.encode()).hexdigest()


def default_content(service: str, schema: dict = DEFAULT_SCHEMA) -> str:
    lines = [f"# Configuration of {service}", *(f"{key} = {rule['default']}" for key, rule in schema.items())]
    return "\n".join(lines) + "\n"


def _value(text: str, rule: dict, place: str) -> int | str:
    if rule["type"] == "integer":
        try:
            number = int(text)
        except ValueError:
            raise SettingsError(f"{place}: {text!r} is not a whole number") from None
        if not rule["minimum"] <= number <= rule["maximum"]:
            raise SettingsError(f"{place}: {number} is outside {rule['minimum']} to {rule['maximum']}")
        return number
    if text not in rule["enum"]:
        raise SettingsError(f"{place}: {text!r} is not one of {', '.join(rule['enum'])}")
    return text


def parse(content: str, schema: dict) -> dict[str, int | str]:
    """Settings of a configuration text, the schema's defaults for what it leaves out. Raises SettingsError."""
    settings = {key: rule["default"] for key, rule in schema.items()}
    seen = set()
    for number, line in enumerate(content.splitlines(), start=1):
        line = line.split("#", 1)[0].strip()
        if not line:
            continue
        key, equals, text = (part.strip() for part in line.partition("="))
        place = f"line {number}, {key}"
        if not equals:
            raise SettingsError(f"line {number}: expected key = value, found {line!r}")
        if key not in schema:
            raise SettingsError(f"{place}: unknown key; this release knows {', '.join(schema)}")
        if key in seen:
            raise SettingsError(f"{place}: given twice")
        seen.add(key)
        settings[key] = _value(text, schema[key], place)
    return settings
