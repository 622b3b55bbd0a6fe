"""Sizes of pages, and page tokens of lists that are made from files and events."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from agent_runtime_server.domain.faults import BadPageToken
from agent_runtime_server.ports import Page

T = TypeVar("T")
M = TypeVar("M", bound=Message)

DEFAULT_PAGE = 50
MAX_PAGE = 1000
PAGE_BYTES = 2 * 1024 * 1024
"""A page ends, with a token, once its items are so large: answers stay below what a gRPC message may hold."""


def page_limit(asked: int) -> int:
    """How many items a page holds: 0 asks for the default, and the server has a most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


async def filled(
    fetch: Callable[[int, str], Awaitable[Page[T]]], encode: Callable[[T], M], limit: int, token: str, at_once: int
) -> Page[M]:
    """A page of messages, made of smaller pages of ``at_once`` items until there are ``limit`` of them or they are
    large. Its total is that of the first of those pages."""
    page = await fetch(min(limit, at_once), token)
    total = page.total
    messages: list[M] = []
    size = 0
    while True:
        for item in page.items:
            messages.append(encode(item))
            size += messages[-1].ByteSize()
        if not page.next_token or len(messages) >= limit or size >= PAGE_BYTES:
            return Page(tuple(messages), page.next_token, total)
        page = await fetch(min(limit - len(messages), at_once), page.next_token)


def token_of(*position: int) -> str:
    """A page token for a position."""
    return urlsafe_b64encode(":".join(map(str, position)).encode()).decode().rstrip("=")


def position_of(token: str, size: int) -> tuple[int, ...]:
    """The position in a token of ``token_of``. Raises BadPageToken."""
    try:
        padded = token + "=" * (-len(token) % 4)
        position = tuple(int(part) for part in urlsafe_b64decode(padded).decode().split(":"))
    except ValueError as bad:
        raise BadPageToken from bad
    if len(position) != size or any(part < 0 for part in position):
        raise BadPageToken
    return position
