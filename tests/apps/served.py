"""Serves pages that tests write down: each a body, or a status and a body."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.apps.patient_server import PatientServer

Answer = str | tuple[int, str]
Page = Answer | Callable[[], Answer]
_TYPES = {".js": "text/javascript", ".json": "application/json", ".png": "image/png", ".pdf": "application/pdf"}


class Served:
    """Pages by path on a free port of loopback, while the block lasts. ``POST /x`` is a path of its own."""

    def __init__(self, pages: Mapping[str, Page], lets_in: str = "") -> None:
        """``lets_in``: a user name and a password, with a colon in between; nobody sees a page without."""
        self.sent: list[str] = []
        """Paths that something was sent to."""
        self.tickets: set[str] = set()
        """All that was given to be let in."""
        sent, tickets = self.sent, self.tickets
        ticket = f"Basic {base64.b64encode(lets_in.encode()).decode()}"

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(urlsplit(self.path).path)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                sent.append(self.path)
                self._answer(f"POST {urlsplit(self.path).path}")

            def _answer(self, name: str) -> None:
                tickets.update(self.headers.get_all("Authorization", []))
                if lets_in and self.headers.get("Authorization") != ticket:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Bearer realm="api"')
                    self.send_header("WWW-Authenticate", 'Basic realm="staging"')
                    self.end_headers()
                    return
                page = pages.get(name, (404, "<title>Not found</title><h1>Not found</h1>"))
                answer = page() if callable(page) else page
                status, body = (200, answer) if isinstance(answer, str) else answer
                kind = _TYPES.get(PurePosixPath(name).suffix)
                self.send_response(status)
                self.send_header("Content-Type", kind or "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write((body if kind else f"<!doctype html><html lang=en>{body}").encode())

            def log_message(self, *args: object) -> None:
                pass

        self._server = PatientServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        """Where the start page is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
