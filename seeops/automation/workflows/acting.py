"""What the process of a step does: one HTTP request, or one script in the sandbox."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import requests
from django.utils.translation import gettext_noop as _

from seeops.automation.models import StepRun
from seeops.automation.workflows.sandbox import SandboxRefused, run_script
from seeops.automation.workflows.settled import Settled, failed, succeeded, unknown
from seeops.automation.workflows.values import is_a

LONGEST_BODY = 65536
PIECE = 8192


def act(step: StepRun, about_to_act: Callable[[], None]) -> Settled:
    """Do what the attempt says. `about_to_act` is called right before anything outside can notice."""
    if step.kind == "http":
        return http_call(step.parameters, step.key, about_to_act)
    return script(step.parameters, about_to_act)


def http_call(told: dict[str, Any], key: str, about_to_act: Callable[[], None]) -> Settled:
    """One request with an Idempotency-Key. A request whose answer did not come is of unknown outcome, unless GET or HEAD."""
    try:
        request = requests.Request(
            told["method"], told["url"], data=str(told.get("body", "")).encode() or None,
            headers={"User-Agent": "seeops-workflow", **told.get("headers", {}), "Idempotency-Key": key},
        ).prepare()  # fmt: skip
    except (requests.RequestException, ValueError) as error:
        return failed(_("the request cannot be made: %(error)s") % {"error": error})
    about_to_act()
    try:
        with requests.Session() as session:
            session.trust_env = False  # neither proxies nor passwords of this machine
            limit = told["timeout_s"]
            with session.send(request, timeout=(min(5, limit), limit), stream=True, allow_redirects=False) as answer:
                return _answered(told, answer, _body(answer, time.monotonic() + limit))
    except requests.ConnectTimeout as error:
        return failed(
            _("%(url)s could not be reached: %(error)s") % {"url": told["url"], "error": type(error).__name__}
        )
    except requests.RequestException as error:
        return _no_answer(told, error)


def _no_answer(told: dict[str, Any], error: Exception) -> Settled:
    never_sent = "NewConnectionError" in repr(error) or "NameResolutionError" in repr(error)
    text = _("%(url)s did not answer: %(error)s") % {"url": told["url"], "error": type(error).__name__}
    if never_sent or told.get("repeatable") or told["method"] in ("GET", "HEAD"):
        return failed(text)
    return unknown(text)


def _body(answer: requests.Response, deadline: float) -> bytes:
    """The first part of the body; a server that drips is cut off at the deadline."""
    body = bytearray()
    for piece in answer.iter_content(PIECE):
        body += piece
        if len(body) >= LONGEST_BODY or time.monotonic() > deadline:
            break
    return bytes(body[:LONGEST_BODY])


def _answered(told: dict[str, Any], answer: requests.Response, body: bytes) -> Settled:
    text = body.decode("utf-8", "replace").replace("\x00", "\ufffd")
    try:
        content = json.loads(text) if text else None
    except ValueError:
        content = None
    outputs = {"code": answer.status_code, "body": text, "json": content}
    expected = told.get("expect") or range(200, 300)
    if answer.status_code in expected:
        return succeeded(**outputs)
    return failed(_("%(url)s answered %(code)d") % {"url": told["url"], "code": answer.status_code}, **outputs)


def script(told: dict[str, Any], about_to_act: Callable[[], None]) -> Settled:
    """One script in the sandbox; what it declares as outputs must be there, with the declared types."""
    about_to_act()
    try:
        ended = run_script(
            language=told["language"], code=told["code"], inputs=told["inputs"], time_s=told["time_s"], cpu_s=told["cpu_s"],
            memory_mb=told["memory_mb"], network=told["network"],
        )  # fmt: skip
    except SandboxRefused as error:
        return failed(_("this machine makes no sandbox, so the script was not run: %(error)s") % {"error": error})
    answered = {"exit_code": ended.exit_code, "output": ended.output}
    if ended.problem:
        return failed(ended.problem, **answered)
    declared = told["outputs"]
    given = ended.result if isinstance(ended.result, dict) else {}
    for name, wanted in declared.items():
        if name not in given or not is_a(given[name], wanted):
            text = _("the output “%(name)s” is missing in $RESULT, or not of type %(wanted)s")
            return failed(text % {"name": name, "wanted": wanted}, **answered)
    return succeeded(**{**{name: given[name] for name in declared}, **answered})
