"""What a test's source asserts, as far as its text tells: enough to see whether a repair has touched it.

An assertion is a matcher with its arguments (``.not.toHaveText('3')``), whether it is waited for, and what is done with
its outcome. Where something is looked for is not part of it, but text that is looked for is:
``expect(page.getByText('Paid'))`` says as much as a matcher does. Named constants count too, for a matcher may compare
with them. When in doubt something counts as weakened: then a person decides.
"""

from __future__ import annotations

import re
from collections import Counter

_EXPECT = re.compile(r"(\bawait\s+)?\bexpect(?:\.soft|\.poll)?\s*\(")
_LINK = re.compile(r"\s*\.\s*(\w+)\s*(\()?")
_TEXT_LOOKED_FOR = re.compile(r"\bgetByText\s*\(|\bhasText\s*:|\bhasNotText\s*:")
_CONSTANT = re.compile(r"\b(?:const|let|var)\s+\w+\s*(?::\s*\w+\s*)?=\s*(?=['\"`\d-])")
_DISABLED = re.compile(r"\b(?:test|it|describe)\b[\w.\s]*(?:\.\s*(?:skip|fixme|fail|only|slow)\b|\[)")
_WAYS_AROUND = re.compile(
    r"\b(?:if|else|try|catch|return|switch|for|while|break|continue|throw)\b|\?\.|&&|\|\||\?\?"
    r"|\.\s*(?:route|routeFromHAR|addInitScript|setContent|catch|then|finally)\s*\("
)
"""What can keep an assertion from being reached, or change what it sees."""
_OPENING = {"(": ")", "[": "]", "{": "}"}


def asserted(source: str) -> Counter[str]:
    """Everything that a source asserts, each with the number of times."""
    source, code = _without_comments(source)
    found: Counter[str] = Counter()
    for start in _EXPECT.finditer(code):
        end = _closing(code, start.end() - 1)
        found.update(_text_looked_for(source[start.end() : end], code[start.end() : end]))
        chain, position = "await" if start[1] else "", end + 1
        while link := _LINK.match(code, position):
            chain += "." + link[1]
            position = link.end()
            if link[2]:
                position = _closing(code, position - 1) + 1
                chain += _plain(source[link.end() - 1 : position])
        found[chain] += 1
    for constant in _CONSTANT.finditer(code):
        end = next((at for at in range(constant.end(), len(code)) if code[at] in ";\n"), len(code))
        found[_plain(source[constant.start() : end])] += 1
    return found


def weakened(before: str, after: str) -> bool:
    """Whether something that was asserted is not any more, is asserted otherwise, or may be got around. Assertions may
    be added."""
    ways, ways_before = (Counter(_WAYS_AROUND.findall(_without_comments(text)[1])) for text in (after, before))
    return bool(asserted(before) - asserted(after)) or bool(ways - ways_before)


def disabled(before: str, after: str) -> bool:
    """Whether more tests are skipped, expected to fail, marked for later or run alone than before."""
    now, then = (len(_DISABLED.findall(_without_comments(text)[1])) for text in (after, before))
    return now > then


def _text_looked_for(subject: str, code: str) -> list[str]:
    found = []
    for match in _TEXT_LOOKED_FOR.finditer(code):
        if match[0].endswith("("):
            end = _closing(code, match.end() - 1) + 1
        else:
            end = next((at for at in range(match.end(), len(code)) if code[at] in ",}"), len(code))
        found.append(_plain(subject[match.start() : end]))
    return found


def _without_comments(source: str) -> tuple[str, str]:
    """A source without comments, and the same with nothing in its strings, both of the same length."""
    kept, code = [], []
    position = 0
    while position < len(source):
        char = source[position]
        end = position + 1
        if source.startswith("//", position):
            end = (source.find("\n", position) + 1 or len(source) + 1) - 1
            piece = masked = " " * (end - position)
        elif source.startswith("/*", position):
            end = (source.find("*/", position + 2) + 2) if "*/" in source[position + 2 :] else len(source)
            piece = masked = " " * (end - position)
        elif char in "'\"`":
            end = min(_end_of_string(source, position) + 1, len(source))
            piece = source[position:end]
            masked = char + "x" * (end - position - 2) + char if end - position > 1 else char
        else:
            piece = masked = char
        kept.append(piece)
        code.append(masked)
        position = end
    return "".join(kept), "".join(code)


def _closing(code: str, opening: int) -> int:
    """Where the bracket that opens at a position closes."""
    waiting = [_OPENING[code[opening]]]
    for position in range(opening + 1, len(code)):
        char = code[position]
        if char in _OPENING:
            waiting.append(_OPENING[char])
        elif char == waiting[-1]:
            waiting.pop()
            if not waiting:
                return position
    return len(code)


def _end_of_string(source: str, start: int) -> int:
    position = start + 1
    while position < len(source) and source[position] != source[start]:
        if source[position] == "\n" and source[start] != "`":
            return position - 1  # it was a quote in a regular expression
        position += 2 if source[position] == "\\" else 1
    return position


def _plain(text: str) -> str:
    """Without what a formatter may change."""
    return re.sub(r",(?=[)\]}])", "", re.sub(r"\s+", "", text)).replace('"', "'")
