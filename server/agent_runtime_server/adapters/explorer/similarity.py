"""How much an element is like one that was seen before, and which of several it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar

from agent_runtime_server.adapters.explorer.fingerprints import same_family
from agent_runtime_server.adapters.explorer.flow import Fingerprint
from agent_runtime_server.adapters.explorer.vocabulary import SAME_WORDS

WEIGHTS: Mapping[str, float] = {
    "name": 0.30,
    "role": 0.15,
    "words": 0.15,
    "place": 0.15,
    "neighbours": 0.10,
    "tokens": 0.05,
    "order": 0.05,
}
"""Like the two bounds they were fitted: ``tests/quality/fitting`` finds none that are better on its cases."""
THRESHOLD = 0.65
"""From which likeness on an element may be the one that was seen."""
MARGIN = 0.1
"""By how much it must be more like it than any other."""
_SAME_ROW = 0.5
_FAMILY = 0.7
"""Worth of a role that is another one of the same family."""

_T = TypeVar("_T")
_SYNONYMS = tuple((re.compile(rf"\b(?:{words})\b"), f"m{number}") for number, words in enumerate(SAME_WORDS))


class Ranked(NamedTuple, Generic[_T]):
    """A candidate and how like it is, from 0 to 1."""

    element: _T
    score: float


def features(was: Fingerprint, now: Fingerprint) -> dict[str, float]:
    """How like two fingerprints are in each respect that at least one of them says something about."""
    found = {
        "name": texts(was.name, now.name) if was.name or now.name else None,
        "role": 1.0 if was.role == now.role else _FAMILY if same_family(was.role, now.role) else 0.0,
        "words": _words(was, now),
        "place": _place(was, now),
        "neighbours": _overlap(was.neighbours, now.neighbours) if was.neighbours else None,
        "tokens": _overlap(was.tokens, now.tokens) if was.tokens else None,
        "order": 1 / (1 + abs(was.order - now.order)) if _is_learnt(was) else None,
    }
    return {name: value for name, value in found.items() if value is not None}


def similarity(was: Fingerprint, now: Fingerprint, weights: Mapping[str, float] = WEIGHTS) -> float:
    """How like two fingerprints are, from 0 to 1; what neither knows does not count."""
    seen = features(was, now)
    return sum(weights[name] * value for name, value in seen.items()) / sum(weights[name] for name in seen)


def rank(
    was: Fingerprint,
    elements: Iterable[_T],
    known: Callable[[_T], Fingerprint],
    weights: Mapping[str, float] = WEIGHTS,
) -> list[Ranked[_T]]:
    """Those that may be the element that was seen, the likest first; ``known`` gives the fingerprint of each.

    What stood beside it when it was seen, or belongs to another row, is not it, however like it is.
    """
    found = []
    for element in elements:
        now = known(element)
        if same_family(was.role, now.role) and not _is_another(was, now):
            found.append(Ranked(element, similarity(was, now, weights)))
    return sorted(found, key=lambda each: -each.score)


def clear_winner(
    ranked: Sequence[Ranked[_T]], threshold: float = THRESHOLD, margin: float = MARGIN
) -> Ranked[_T] | None:
    """The first, if it is like enough and no other is nearly as like."""
    if not ranked or ranked[0].score < threshold:
        return None
    if len(ranked) > 1 and ranked[0].score - ranked[1].score < margin:
        return None
    return ranked[0]


def _is_another(was: Fingerprint, now: Fingerprint) -> bool:
    if _is_learnt(was) and bool(was.row) != bool(now.row):
        return True
    if was.row and texts(was.row, now.row) < _SAME_ROW:
        return True
    name = now.name or now.text
    return bool(name) and name != was.name and name in was.others


def _is_learnt(was: Fingerprint) -> bool:
    """It was seen on a page; what a locator alone tells of an element says nothing of where it is."""
    return bool(was.headings or was.landmark or was.around or was.neighbours)


def _words(was: Fingerprint, now: Fingerprint) -> float | None:
    """The best agreement between anything that the two say, whether as a label, a placeholder or a text."""
    before = [text for text in (was.name, was.placeholder, was.text) if text]
    after = [text for text in (now.name, now.placeholder, now.text) if text]
    if not before:
        return None
    return max((texts(one, other) for one in before for other in after), default=0.0)


def _place(was: Fingerprint, now: Fingerprint) -> float | None:
    if not _is_learnt(was):
        return None
    landmark = 1.0 if was.landmark == now.landmark else 0.0
    headings = _overlap(was.headings, now.headings) if was.headings else landmark
    around = _overlap(was.around, now.around) if was.around else landmark
    return (landmark + headings + around) / 3


def _overlap(one: Collection[str], other: Collection[str]) -> float:
    first, second = set(one), set(other)
    return len(first & second) / len(first | second) if first | second else 1.0


@lru_cache(maxsize=10_000)
def texts(one: str, other: str) -> float:
    """How like two short texts are: by words, by words of the same meaning, and by letters."""
    one, other = _plain(one), _plain(other)
    if one == other:
        return 1.0
    if not one or not other:
        return 0.0
    return max(
        _by_words(one.split(), other.split()), _by_words(_meanings(one), _meanings(other)), _by_letters(one, other)
    )


def _plain(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+|#|\$\{\w+\}", text.casefold()))


def _meanings(text: str) -> list[str]:
    for pattern, meaning in _SYNONYMS:
        text = pattern.sub(meaning, text)
    return text.split()


def _by_words(one: Sequence[str], other: Sequence[str]) -> float:
    """All words of the shorter in the longer are worth more than half; else it is the share of common words."""
    first, second = set(one), set(other)
    common = len(first & second)
    if common == min(len(first), len(second)):
        return 0.6 + 0.4 * common / max(len(first), len(second))
    return common / len(first | second)


def _by_letters(one: str, other: str) -> float:
    first, second = _trigrams(one), _trigrams(other)
    return 2 * len(first & second) / (len(first) + len(second))


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}
