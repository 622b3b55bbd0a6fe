"""Sizes of pages, and page tokens of lists that are made from files and events."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode

from agent_runtime_server.domain.faults import BadPageToken

DEFAULT_PAGE = 50
MAX_PAGE = 1000
PAGE_BYTES = 2 * 1024 * 1024
"""A page ends, with a token, once its items are so large: answers stay below what a gRPC message may hold."""


def page_limit(asked: int) -> int:
    """How many items a page holds: 0 asks for the default, and the server has a most."""
    return min(asked or DEFAULT_PAGE, MAX_PAGE)


def token_of(*position: int) -> str:
    """A page token for a position."""
    return urlsafe_b64encode(":".join(map(str, position)).encode()).decode().rstrip("=")


def position_of(token: str, size: int) -> tuple[int, ...]:
    """The position in a token of ``token_of``. Raises BadPageToken."""
    try:
        padded = token + "=" * (-len(token) % 4)
        position = tuple(
            int(part)
            for part in urlsafe_b64decode(
                padded,
            )
            .decode()
            .split(":")
        )
    except ValueError as bad:
        raise BadPageToken from bad
    if len(position) != size or any(part < 0 for part in position):
        raise BadPageToken
    return position
