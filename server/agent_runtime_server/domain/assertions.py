"""What a test's source asserts, as far as its text tells: enough to see whether a repair has touched it.

An assertion is a matcher with its arguments (``.not.toHaveText('3')``). Where something is looked for is not part of
it, but text that is looked for is: ``expect(page.getByText('Paid'))`` says as much as a matcher does.
"""

from __future__ import annotations

import re
from collections import Counter

_EXPECT = re.compile(r"\bexpect(?:\.soft|\.poll)?\s*\(")
_MATCHER = re.compile(r"\s*\.\s*(resolves|rejects|not|to[A-Z]\w*)\s*(\()?")
_TEXT_LOOKED_FOR = re.compile(r"\bgetByText\s*\(|\bhasText\s*:|\bhasNotText\s*:")
_DISABLED = re.compile(r"\b(?:test|it|describe)\s*(?:\.\s*describe\s*)?\.\s*(?:skip|fixme|fail)\b")
_OPENING = {"(": ")", "[": "]", "{": "}"}


def asserted(source: str) -> Counter[str]:
    """Everything that a source asserts, each with the number of times."""
    found: Counter[str] = Counter()
    for start in _EXPECT.finditer(source):
        end = _closing(source, start.end() - 1)
        subject = source[start.end() : end]
        found.update(_text_looked_for(subject))
        chain, position = "", end + 1
        while matcher := _MATCHER.match(source, position):
            chain += "." + matcher[1]
            position = matcher.end()
            if matcher[2]:
                position = _closing(source, position - 1) + 1
                chain += _plain(source[matcher.end() - 1 : position])
        found[chain] += 1
    return found


def weakened(before: str, after: str) -> bool:
    """Whether something that was asserted is not any more, or is asserted otherwise. Assertions may be added."""
    return bool(asserted(before) - asserted(after))


def disabled(before: str, after: str) -> bool:
    """Whether more tests are skipped, expected to fail or marked for later than before."""
    return len(_DISABLED.findall(after)) > len(_DISABLED.findall(before))


def _text_looked_for(subject: str) -> list[str]:
    found = []
    for match in _TEXT_LOOKED_FOR.finditer(subject):
        if match[0].endswith("("):
            end = _closing(subject, match.end() - 1) + 1
        else:
            end = next((at for at in range(match.end(), len(subject)) if subject[at] in ",}"), len(subject))
        found.append(_plain(subject[match.start() : end]))
    return found


def _closing(source: str, opening: int) -> int:
    """Where the bracket that opens at a position closes; strings and templates are passed over."""
    waiting = [_OPENING[source[opening]]]
    position = opening + 1
    while position < len(source):
        char = source[position]
        if char in "'\"`":
            position = _end_of_string(source, position)
        elif char in _OPENING:
            waiting.append(_OPENING[char])
        elif char == waiting[-1]:
            waiting.pop()
            if not waiting:
                return position
        position += 1
    return len(source)


def _end_of_string(source: str, start: int) -> int:
    position = start + 1
    while position < len(source) and source[position] != source[start]:
        position += 2 if source[position] == "\\" else 1
    return position


def _plain(text: str) -> str:
    """Without what a formatter may change."""
    return re.sub(r",(?=[)\]}])", "", re.sub(r"\s+", "", text)).replace('"', "'")
