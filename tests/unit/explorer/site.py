"""A throw-away web site for tests: pages by path, and what forms send."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from tests.apps.patient_server import serving


class Redirect(str):
    """A page that is elsewhere for now: its path."""


Page = str | Callable[[Mapping[str, str]], str | int]


@contextmanager
def serve(pages: Mapping[str, Page]) -> Iterator[str]:
    """Serve the pages, each a body or a function of query, form and language, which may return a status.

    Yields the base URL.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(parse_qs(urlsplit(self.path).query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            self._answer(parse_qs(body))

        def _answer(self, values: Mapping[str, list[str]]) -> None:
            found = pages.get(urlsplit(self.path).path)
            said = {name: value[0] for name, value in values.items()}
            page = (
                found(said | {"accept-language": self.headers.get("Accept-Language", "")}) if callable(found) else found
            )
            if isinstance(page, Redirect):
                self.send_response(302)
                self.send_header("Location", page)
            else:
                self.send_response(404 if page is None else page if isinstance(page, int) else 200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(f"<!doctype html><html lang=en><title>Site</title>{page or 'Not found'}".encode())

        def log_message(self, *args: object) -> None:
            pass

    with serving(Handler) as url:
        yield url
