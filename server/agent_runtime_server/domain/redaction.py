"""Taking secrets out of texts, also in the forms that URLs, JSON, HTML and base64 give them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from agent_runtime_server.domain.event import Fact

MASK = "[redacted]"
_SHORTEST = 3
"""Shorter values are left: masking every "a" or "12" would tell the value and ruin the text."""

F = TypeVar("F", bound=Fact)


class Redactor:
    """Replaces secret values by ``[redacted]``. Values of fewer than 3 characters are not replaced."""

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values if len(value) >= _SHORTEST for form in _forms(value)}
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """The text without the values."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def redact_fact(self, fact: F) -> F:
        """The fact without the values in any of its texts."""
        return self._clean(fact) if self._pattern else fact

    def _clean(self, value: Any) -> Any:
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, tuple):
            return tuple(self._clean(item) for item in value)
        if is_dataclass(value) and not isinstance(value, type):
            new = {field.name: self._clean(getattr(value, field.name)) for field in fields(value)}
            return replace(value, **new)
        return value


def _forms(value: str) -> Iterable[str]:
    yield value
    yield quote(value, safe="")
    yield quote(value)
    yield quote_plus(value)
    yield html.escape(value)
    yield html.escape(value, quote=False)
    for ascii_only in (True, False):
        yield json.dumps(value, ensure_ascii=ascii_only)[1:-1]
    raw = value.encode()
    # Inside a longer text the value starts at any of three places of a base64 group: its inner characters are the same.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode().rstrip("=")
        start = -(-shift * 8 // 6)
        core = encoded[start : (shift + len(raw)) * 8 // 6]
        if len(core) >= 2 * _SHORTEST:
            yield core
            yield core.replace("+", "-").replace("/", "_")
