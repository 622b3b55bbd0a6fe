"""The text of a filter, and how it is read.

filter     = any { "AND" any }              OR binds tighter than AND, as AIP-160 has it
any        = term { "OR" term }
term       = [ "NOT" | "-" ] ( comparison | "(" filter ")" )
comparison = field ( "=" | "!=" | "<" | "<=" | ">" | ">=" | ":" ) value
field      = name | name "." key            the key of a map: bare or quoted
value      = bare word | "quoted" | 'quoted'
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from agent_runtime_server.domain.faults import BadFilter, FieldViolation
from agent_runtime_server.domain.filters.tree import (
    AllOf,
    AnyOf,
    Comparison,
    Field,
    Fields,
    FieldType,
    Filter,
    Not,
    Value,
)

MAX_DEPTH = 32
"""Parentheses within parentheses."""
MAX_COMPARISONS = 100

_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z0-9_./-]+")
_OPERATOR = re.compile(r"!=|<=|>=|[=<>:]")
_BARE = re.compile(r"""[^\s()"'=<>!,]+""")
_QUOTED = re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'""", re.DOTALL)
_ESCAPE = re.compile(r"\\.", re.DOTALL)
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\'": "'", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_KEYWORDS = ("AND", "OR", "NOT")
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FOUND_LENGTH = 40

_ORDERED = ("=", "!=", "<", "<=", ">", ">=")
_OPERATORS = {
    FieldType.TEXT: _ORDERED,
    FieldType.WORD: ("=", "!="),
    FieldType.NUMBER: _ORDERED,
    FieldType.FLAG: ("=", "!="),
    FieldType.MOMENT: _ORDERED,
    FieldType.TEXTS: (":", "="),
    FieldType.MAP: (":",),
}


def parse(text: str, fields: Fields) -> Filter | None:
    """The filter that a text means; None for an empty one. Raises BadFilter, which says where."""
    return _Reader(text, fields).whole() if text.strip() else None


class _Reader:
    """Reads a text from its start to its end; ``_at`` is how far it has come."""

    def __init__(self, text: str, fields: Fields) -> None:
        self._text = text
        self._fields = fields
        self._at = 0
        self._comparisons = 0

    def whole(self) -> Filter:
        condition = self._all(0)
        if self._at < len(self._text):
            raise self._expected("AND, OR or the end")
        return condition

    def _all(self, depth: int) -> Filter:
        operands = [self._any(depth)]
        while self._keyword("AND"):
            operands.append(self._any(depth))
        return operands[0] if len(operands) == 1 else AllOf(tuple(operands))

    def _any(self, depth: int) -> Filter:
        operands = [self._term(depth)]
        while self._keyword("OR"):
            operands.append(self._term(depth))
        return operands[0] if len(operands) == 1 else AnyOf(tuple(operands))

    def _term(self, depth: int) -> Filter:
        if self._keyword("NOT") or self._symbol("-"):
            return Not(self._simple(depth))
        return self._simple(depth)

    def _simple(self, depth: int) -> Filter:
        if not self._symbol("("):
            return self._comparison()
        if depth == MAX_DEPTH:
            raise self._bad(f"more than {MAX_DEPTH} parentheses within each other", self._at - 1)
        condition = self._all(depth + 1)
        if not self._symbol(")"):
            raise self._expected("AND, OR or )")
        return condition

    def _comparison(self) -> Comparison:
        self._space()
        if self._comparisons == MAX_COMPARISONS:
            raise self._bad(f"more than {MAX_COMPARISONS} comparisons", self._at)
        self._comparisons += 1
        name, key = self._name()
        field = Field(FieldType.TEXT) if key else self._fields[name]
        allowed = _OPERATORS[field.type]
        self._space()
        operator = _OPERATOR.match(self._text, self._at)
        if operator is None or operator[0] not in allowed:
            raise self._expected(" or ".join(allowed) + (f" after {name}" if not key else ""))
        self._at = operator.end()
        self._space()
        start = self._at
        value = self._value(field, self._raw("a value"), start)
        return Comparison(name, ":" if field.type is FieldType.TEXTS else operator[0], value, key)

    def _name(self) -> tuple[str, str]:
        """The name of a field, and the key if it is a map's value."""
        start = self._at
        found = _NAME.match(self._text, start)
        name = found[0] if found else ""
        self._at = start + len(name)
        if name in self._fields:
            return name, ""
        head, dot, key = name.partition(".")
        if dot and head in self._fields and self._fields[head].type is FieldType.MAP:
            if not key:
                key = self._raw(f"a key after {name}")
            if not key:
                raise self._bad("an empty key", start)
            return head, key
        self._at = start
        raise self._expected(f"one of the fields {_list(self._fields)}")

    def _raw(self, what: str) -> str:
        """A bare or a quoted text."""
        if self._text[self._at : self._at + 1] in ('"', "'"):
            quoted = _QUOTED.match(self._text, self._at)
            if quoted is None:
                raise self._bad("a quote that is not closed", self._at)
            raw = _ESCAPE.sub(self._unescaped, quoted[1] if quoted[1] is not None else quoted[2])
            self._at = quoted.end()
            return raw
        bare = _BARE.match(self._text, self._at)
        if bare is None or bare[0] in _KEYWORDS:
            raise self._expected(what)
        self._at = bare.end()
        return bare[0]

    def _unescaped(self, escape: re.Match[str]) -> str:
        if escape[0] not in _ESCAPES:
            raise self._bad(f"an escape that is none of {_list(_ESCAPES)}", self._at + 1 + escape.start())
        return _ESCAPES[escape[0]]

    def _value(self, field: Field, raw: str, start: int) -> Value:
        """A value of the type of its field."""
        match field.type:
            case FieldType.TEXT | FieldType.TEXTS | FieldType.MAP:
                return raw
            case FieldType.WORD:
                word = raw.upper().removeprefix(field.prefix).lower()
                if word in field.words:
                    return word
                expected = f"one of {_list(word.upper() for word in field.words)}"
            case FieldType.NUMBER:
                if _NUMBER.fullmatch(raw):
                    return float(raw)
                expected = "a number"
            case FieldType.FLAG:
                if raw.lower() in ("true", "false"):
                    return raw.lower() == "true"
                expected = "true or false"
            case FieldType.MOMENT:
                moment = _moment(raw)
                if moment is not None:
                    return moment
                expected = "a timestamp such as 2026-03-01T12:00:00Z"
        self._at = start
        raise self._expected(expected)

    def _keyword(self, word: str) -> bool:
        self._space()
        end = self._at + len(word)
        bare = _BARE.match(self._text, self._at)
        found = bare is not None and bare[0] == word
        if found:
            self._at = end
        return found

    def _symbol(self, symbol: str) -> bool:
        self._space()
        found = self._text.startswith(symbol, self._at)
        if found:
            self._at += 1
        return found

    def _space(self) -> None:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()

    def _expected(self, what: str) -> BadFilter:
        rest = self._text[self._at : self._at + _FOUND_LENGTH].split()
        return self._bad(f"expected {what}, found {rest[0] if rest else 'the end'}", self._at)

    def _bad(self, problem: str, at: int) -> BadFilter:
        description = f"column {at + 1}: {problem}"
        violation = FieldViolation("filter", description)
        return BadFilter(f"the filter cannot be understood: {description}", violations=[violation])


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text.upper()) if _MOMENT.fullmatch(text) else None
    except ValueError:
        return None


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
