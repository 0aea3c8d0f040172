"""A server that answers like Prometheus' query API from a table of the test's own, and counts what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

Answer = tuple[int, Any]


class PrometheusStub:
    """`answer(path, params)` gives (status, body); `asked` lists (path, params) in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answer: Callable[[str, dict[str, str]], Answer] = lambda path, params: (200, vector([]))
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # noqa: N802 - named by the standard library
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                params = {name: values[0] for name, values in parse_qs(body).items()}
                stub.asked.append((self.path, params))
                status, answer = stub.answer(self.path, params)
                content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Tests print what they need themselves."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


def vector(samples: list[tuple[dict[str, str], float | str]], at: float = 1000.0) -> dict[str, Any]:
    """The body of an instant query."""
    rows = [{"metric": labels, "value": [at, str(value)]} for labels, value in samples]
    return {"status": "success", "data": {"resultType": "vector", "result": rows}}


def matrix(series: list[tuple[dict[str, str], list[tuple[float, float | str]]]]) -> dict[str, Any]:
    """The body of a range query."""
    rows = [{"metric": labels, "values": [[at, str(value)] for at, value in points]} for labels, points in series]
    return {"status": "success", "data": {"resultType": "matrix", "result": rows}}


@contextmanager
def running() -> Iterator[PrometheusStub]:
    stub = PrometheusStub()
    thread = threading.Thread(target=stub.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield stub
    finally:
        stub.server.shutdown()
        thread.join()
        stub.server.server_close()
