"""Pieces of TypeScript: strings that no text can break out of, identifiers, and Playwright locators."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.money import javascript_pattern
from agent_runtime_server.adapters.explorer.text import parse, url_expression

WIDTH = 120
"""Longest line of printed code, in characters."""

_KEYWORDS = (
    "arguments await break case catch class const continue debugger default delete do else enum eval export extends "
    "false finally for function if implements import in instanceof interface let new null package private protected "
    "public return static super switch this throw true try typeof undefined var void while with yield"
)
_RESERVED = frozenset(_KEYWORDS.split())
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

NUMBER_IN = f"""export function numberIn(text: string): number | null {{
  const match =
    /{javascript_pattern()}/.exec(
      text,
    );
  if (!match?.groups) return null;
  const {{ minus, groups, mark, cents, whole, decimals }} = match.groups;
  const digits = whole ?? groups.replaceAll(mark, '');
  const number = Number(`${{digits}}.${{decimals ?? cents ?? '0'}}`);
  return minus ? -number : number;
}}"""


def string(literal: str) -> str:
    """A string literal, in single quotes unless double ones need fewer escapes."""
    quote = '"' if literal.count("'") > literal.count('"') else "'"
    return quote + "".join(f"\\{char}" if char == quote else _escaped(char) for char in literal) + quote


def template(literal: str) -> str:
    """What stands between the backticks of a template literal that is this text."""
    return literal.replace("\\", "\\\\").replace("`", "\\`").replace("${", "\\${")


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    # Control characters, and the two line ends that only JavaScript knows.
    if ord(char) < 0x20 or ord(char) == 0x7F or char in "\u2028\u2029":
        return f"\\u{ord(char):04x}"
    return char


def text(text: str, names: Mapping[str, str]) -> str:
    """The expression of a text with references; ``names`` has the expression of each. Raises ``KeyError``."""
    parts = parse(text)
    match parts:
        case ():
            return "''"
        case (str() as literal,):
            return string(literal)
        case (reference,) if not isinstance(reference, str):
            return names[reference.name]
        case _:
            pieces = (_in_template(part) if isinstance(part, str) else f"${{{names[part.name]}}}" for part in parts)
            return f"`{''.join(pieces)}`"


def _in_template(literal: str) -> str:
    escaped = "".join(_escaped(char) for char in literal)
    return escaped.replace("`", "\\`").replace("${", "\\${")


def number(value: float) -> str:
    """A number literal, without needless decimals."""
    return str(int(value)) if value == int(value) else repr(value)


def identifier(words: str) -> str:
    """A camel-case identifier from words, empty if they have no ASCII letter."""
    found = re.findall(r"[A-Za-z][A-Za-z0-9]*|[0-9]+", words)
    while found and found[0][0].isdigit():
        found.pop(0)
    if not found:
        return ""
    first = found[0] if re.fullmatch(r"[a-z]+[A-Za-z0-9]*", found[0]) else found[0].lower()
    name = first + "".join(word[0].upper() + word[1:] for word in found[1:])
    return f"{name}_" if name in _RESERVED else name


def chain(locator: Locator, names: Mapping[str, str]) -> list[str]:
    """A locator as ``page`` and the calls on it, to be joined."""
    calls = chain(locator.within, names) if locator.within else ["page"]
    value = text(locator.value, names)
    match locator.by:
        case "role":
            options = []
            if locator.name is not None:
                options.append(f"name: {text(locator.name, names)}")
                options += ["exact: true"] if locator.exact else []
            if locator.level is not None:
                options.append(f"level: {locator.level}")
            calls.append(f".getByRole({value}{_options(options)})")
        case "label":
            calls.append(f".getByLabel({value}{_exact(locator)})")
        case "placeholder":
            calls.append(f".getByPlaceholder({value}{_exact(locator)})")
        case "text":
            calls.append(f".getByText({value}{_exact(locator)})")
        case "test_id":
            calls.append(f".getByTestId({value})")
        case "css":
            calls.append(f".locator({value})")
    filters = [f"has: {''.join(chain(locator.has, names))}"] if locator.has else []
    filters += [] if locator.has_text is None else [f"hasText: {text(locator.has_text, names)}"]
    return calls + ([f".filter({{ {', '.join(filters)} }})"] if filters else [])


def chained(before: str, calls: Sequence[str], after: str, indent: int, width: int) -> list[str]:
    """A chain of calls in one line if it fits into the width, else one call a line."""
    line = f"{' ' * indent}{before}{''.join(calls)}{after}"
    if len(line) <= width or len(calls) < 3:
        return [line]
    deeper = [f"{' ' * (indent + 2)}{call}" for call in calls[1:]]
    return [f"{' ' * indent}{before}{calls[0]}", *deeper[:-1], f"{deeper[-1]}{after}"]


def url(pattern: str) -> str:
    """What ``toHaveURL`` is given for a pattern: its path itself, or an expression where it has a ``*``."""
    return rf"/^https?:\/\/[^/]+{url_expression(pattern)}$/" if "*" in pattern else string(pattern)


def _exact(locator: Locator) -> str:
    return _options(["exact: true"] if locator.exact else [])


def _options(options: list[str]) -> str:
    return f", {{ {', '.join(options)} }}" if options else ""
