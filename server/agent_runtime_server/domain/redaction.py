"""Taking secrets out of texts, also in the forms that URLs, JSON, HTML and base64 give them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, quote_plus

from agent_runtime_server.domain.event import Fact

MASK = "[redacted]"
SHORTEST = 3
"""Shorter values are left: masking every "a" or "12" would tell the value and ruin the text."""
LONG = 6
LONG_WORD = 8
"""Shorter words may be parts of names, which files and paths need."""

_COMPONENT = "!'()*"
"""What JavaScript's encodeURIComponent leaves as it is, and Python does not."""
_URI = _COMPONENT + ";,/?:@&=+$#"
"""The same of encodeURI."""
_QUERY = _URI.replace("#", "").replace("'", "") + "%[]\\^`{|}"
"""The same of browsers, in the query of an address that was not encoded at all."""
_NESTED = 2
"""How often a text may be escaped again: a trace is JSON, and holds messages that hold JSON."""

_NAMES = frozenset({"id", "test_id", "artifact_ids", "sha256", "media_type", "agent", "model"})
"""Fields that name something by a digest or a fixed word: they tell no secret, and must go on naming it."""
_KEY = "key"
_PATHS = frozenset({"path", "tool", "call_id", "message_id", _KEY})
"""Fields that name something by words that may be anything; the keys of a mapping are such names too."""

F = TypeVar("F", bound=Fact)


class Redactor:
    """Replaces secret values by ``[redacted]``, also where they are written for URLs, JSON, HTML or in base64.

    Values of fewer than 3 characters are not replaced. In paths and in files only values are that are longer than the
    words of names: of 6 characters or more, or of 8 if they are letters alone. With the password "test", ``tests/``
    keeps its name, and JSON its keys.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self.values = tuple(value for value in values if len(value) >= SHORTEST)
        """What is replaced."""
        forms = _all_forms(self.values)
        self._in_texts = _pattern(forms)
        self._longest = max(map(len, (MASK, *forms)))
        unmistakable = [value for value in self.values if len(value) >= (LONG_WORD if value.isalpha() else LONG)]
        forms = _all_forms(unmistakable)
        self._in_paths = _pattern(forms)
        self._in_files = tuple(form.encode() for form in forms)

    def redact(self, text: str) -> str:
        """The text without the values."""
        return self._in_texts.sub(MASK, text) if self._in_texts else text

    def redact_begun(self, text: str) -> tuple[str, str]:
        """Of a text that goes on: its beginning without the values, and the rest, which may begin with part of a value
        and is to be put before what comes next."""
        if self._in_texts is None:
            return text, ""
        # Whatever begins before this place has its end in the text.
        end = max(0, len(text) - self._longest + 1)
        beginning = []
        told = 0
        for match in self._in_texts.finditer(text):
            if match.start() >= end:
                break
            beginning += [text[told : match.start()], MASK]
            told = match.end()
        beginning.append(text[told:end])
        return "".join(beginning), text[max(told, end) :]

    def redact_content(self, content: bytes) -> bytes:
        """A file's content without the values."""
        # Files are large and seldom hold a value: a plain search is a hundred times as fast as a pattern.
        for form in self._in_files:
            if form in content:
                content = content.replace(form, MASK.encode())
        return content

    def redact_fact(self, fact: F) -> F:
        """The fact without the values in any of its texts. Ids and digests stay."""
        return self._without(fact) if self._in_texts else fact

    def _without(self, value: Any, name: str = "") -> Any:
        if isinstance(value, str):
            if name not in _PATHS:
                return self.redact(value)
            return self._in_paths.sub(MASK, value) if self._in_paths else value
        if isinstance(value, list | tuple):
            return type(value)(self._without(item, name) for item in value)
        if isinstance(value, Mapping):
            return {self._without(key, _KEY): self._without(item) for key, item in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in fields(value) if field.name not in _NAMES]
            return replace(value, **{name: self._without(getattr(value, name), name) for name in names})
        return value


def _pattern(forms: Sequence[str]) -> re.Pattern[str] | None:
    """Matches each of these forms, the longest first, and the mask, so that no part of it is masked again."""
    return re.compile("|".join(map(re.escape, (MASK, *forms)))) if forms else None


def _all_forms(values: Iterable[str]) -> list[str]:
    """Every form of the values, the longest first."""
    return sorted({form for value in values for form in _forms(value)}, key=lambda form: (-len(form), form))


def _forms(value: str) -> Iterator[str]:
    forms = {value, *_url_forms(value)}
    for _ in range(_NESTED):
        forms |= {escaped for form in forms for escaped in _escaped_forms(form)}
    yield from forms
    yield from _base64_forms(value.encode())


def _url_forms(value: str) -> Iterator[str]:
    """Python, JavaScript, forms and browsers encode different characters, and some in lower case."""
    encoded = [quote(value, safe=safe) for safe in ("", "/", _COMPONENT, _URI, _QUERY)]
    encoded += [quote_plus(value), quote_plus(value, safe="*").replace("~", "%7E")]
    for form in encoded:
        yield form
        yield re.sub("%..", lambda code: code[0].lower(), form)


def _escaped_forms(text: str) -> Iterator[str]:
    for escaped in (html.escape(text), html.escape(text, quote=False)):
        yield escaped
        yield escaped.replace("&#x27;", "&#39;")
    for ascii_only in (True, False):
        yield json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Encoded alone, and inside of a longer text, such as "user:password" of HTTP's basic authentication.

    There the value starts at any of the three places of a group, and but for its ends it always looks the same.
    """
    parts = [base64.b64encode(raw).decode()]
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw).decode()
        core = encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6]
        if len(core) >= 2 * SHORTEST:
            parts.append(core)
    for part in parts:
        yield part
        yield part.replace("+", "-").replace("/", "_")
