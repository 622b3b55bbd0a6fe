"""What goes in and out of the shop, apart from how it travels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from tests.apps.shop.elements import Html
from tests.apps.shop.store import Session


@dataclass(frozen=True)
class Request:
    """A request; a field sent more than once counts once, with its last value."""

    method: str
    path: str
    target: str
    """The path with its query."""
    query: Mapping[str, str]
    form: Mapping[str, str]
    session_id: str | None = None
    wants_json: bool = False


@dataclass(frozen=True)
class Response:
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK
    location: str | None = None
    session_id: str | None = None
    """The id that the visitor's cookie must hold from now on."""
    cacheable: bool = False

    def for_session(self, session: Session) -> "Response":
        return replace(self, session_id=session.id)


def page(content: Html, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return Response(content.encode(), status=status)


def json_answer(value: Any) -> Response:
    return Response(json.dumps(value).encode(), "application/json")


def redirect(path: str) -> Response:
    """Sends the browser on with a GET, as one does after a POST."""
    return Response(status=HTTPStatus.SEE_OTHER, location=path)


def local_path(path: str) -> str:
    """The path if it stays in this shop, else the home page."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def whole_number(text: str | None) -> int | None:
    """The text as a number of up to nine digits, or None."""
    return int(text) if text and len(text) <= 9 and text.isascii() and text.isdecimal() else None
