"""Which bytes of a file a caller wants, and whether it has them already."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from starlette.datastructures import Headers

_SPAN = re.compile(r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*")


@dataclass(frozen=True)
class Span:
    """Bytes from ``start`` up to ``end``, which is not one of them."""

    start: int
    end: int


class Unsatisfiable(Exception):
    """No byte of the file is in the range."""


def span_of(headers: Headers, size: int, etag: str) -> Span | None:
    """The part that is asked for; None for the whole file, which also answers what is not understood, and asks for
    several parts. Raises Unsatisfiable."""
    asked = _SPAN.fullmatch(headers.get("range", ""))
    if asked is None or not (asked[1] or asked[2]) or headers.get("if-range", etag) != etag:
        return None
    if not asked[1]:
        start, end = max(0, size - int(asked[2])), size
    else:
        start, end = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size)
        if asked[2] and int(asked[2]) < start:
            return None
    if start >= end:
        raise Unsatisfiable
    return Span(start, end)


def is_known(headers: Headers, etag: str) -> bool:
    """Whether the caller has the file with this ETag."""
    known = headers.get("if-none-match", "")
    return known.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}


def disposition(media_type: str, name: str) -> str:
    """Content-Disposition: only what cannot be a program is shown in its place."""
    kind = "inline" if media_type.startswith(("image/", "video/", "text/plain")) else "attachment"
    quoted = quote(name, safe="")
    return f'{kind}; filename="{name}"' if quoted == name else f"{kind}; filename*=UTF-8''{quoted}"
