"""Structured logs: one JSON object a line, with what was passed in `extra`, without secrets."""

from __future__ import annotations

import datetime as dt
import json
import logging

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_SECRET = ("password", "token", "secret", "authorization", "cookie")


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; fields whose name smells of a secret are masked."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name, value in vars(record).items():
            if name not in _PLAIN and not name.startswith("_"):
                line[name] = "***" if any(part in name.lower() for part in _SECRET) else value
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)
