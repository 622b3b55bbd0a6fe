"""Pages of lists: a token names the place of a page's last item, whatever comes or goes around it."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import blake2b
from typing import Annotated, TypeVar

import msgspec

from agent_runtime_server.domain.faults import BadPageToken
from agent_runtime_server.ports import Page

T = TypeVar("T")

_Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

Place = tuple[_Number, _Number | str]
"""Where an item stands in the order of its list: a key, and what tells items with the same key apart."""

_decoder = msgspec.json.Decoder(tuple[str, _Number, _Number | str])


def scope_of(*what: object) -> str:
    """What tokens of a list are good for: this list with this filter and order."""
    return blake2b(repr(what).encode(), digest_size=9).hexdigest()


def place_in(token: str, scope: str) -> Place | None:
    """The place that a token names, None for an empty one. Raises BadPageToken, also for one of another scope."""
    if not token:
        return None
    try:
        named, key, tie = _decoder.decode(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (ValueError, msgspec.DecodeError):
        raise BadPageToken from None
    if named != scope:
        raise BadPageToken("the page token is of another list, or of one with another filter or order")
    return key, tie


def page_of(found: Sequence[tuple[Place, T]], limit: int, total: int, scope: str) -> Page[T]:
    """A page of what was found, which may be more than the limit: then there is a next page."""
    next_token = ""
    if len(found) > limit:
        next_token = urlsafe_b64encode(msgspec.json.encode((scope, *found[limit - 1][0]))).decode().rstrip("=")
    return Page(tuple(item for _, item in found[:limit]), next_token, total)
