"""Reading what a person asks for: what to cover first, what only, and what to leave alone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.vocabulary import concepts_in

_NEGATION = re.compile(
    r"\b(?:do not|don.t|never|not|no|except(?: for)?|without|avoid|skip|ignore|leave out|excluding|other than|but not|"
    r"apart from)\b",
    re.IGNORECASE,
)
_PAGES = frozenset({"navigation"})
_NAMED_FREELY = _PAGES | {"form", "create", "browse"}
_PHRASES = re.compile(r"\bin order to\b", re.IGNORECASE)
"""Ways of speaking that hold the name of a concept and do not mean it."""
_ONLY = re.compile(r"\b(?:only|just|solely|exclusively|nothing (?:but|else|more))\b", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.;:!?\n]|,?\s+\b(?:but(?! not)|however|then|instead)\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][^\W_]{2,}")
_FILLER = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "please",
        "test",
        "tests",
        "testing",
        "focus",
        "flow",
        "flows",
        "check",
        "that",
        "this",
        "from",
        "into",
        "page",
        "pages",
        "app",
        "application",
        "only",
        "just",
        "not",
        "except",
        "without",
        "avoid",
        "skip",
        "ignore",
        "cover",
        "make",
        "sure",
        "verify",
        "ensure",
        "write",
        "generate",
        "main",
        "user",
        "users",
        "all",
        "any",
        "can",
        "our",
        "should",
        "must",
        "also",
        "first",
        "important",
        "most",
        "critical",
        "area",
        "areas",
        "part",
        "parts",
        "feature",
        "features",
        "functionality",
        "site",
        "website",
        "do",
        "don",
        "never",
        "leave",
        "out",
        "anything",
        "everything",
        "nothing",
        "more",
        "are",
        "over",
        "else",
    ]
)


@dataclass(frozen=True)
class Wish:
    """What the instructions ask for."""

    asked: frozenset[str] = frozenset()
    """Concepts to cover first."""
    words: frozenset[str] = frozenset()
    """Other words to look for in names and paths, as stems."""
    refused: frozenset[str] = frozenset()
    """Concepts to leave alone."""
    refused_words: frozenset[str] = frozenset()
    only: bool = False
    """Cover what was asked and nothing else."""

    def weight(self, text: str) -> int:
        """How much a control, page or flow with this text is asked for: 0, 1 or 2."""
        stems = stems_of(text)
        if self.asked & concepts_in(text):
            return 2
        return 1 if self.words & stems else 0

    def refuses(self, text: str) -> bool:
        """A control, page or flow with this text is to be left alone."""
        return bool(self.refused & concepts_in(text) or self.refused_words & stems_of(text))

    def allows(self, concepts: frozenset[str], text: str = "") -> bool:
        """A flow about these concepts may be written."""
        if concepts & self.refused or (text and self.refused_words & stems_of(text)):
            return False
        return not self.only or bool(concepts & self.asked) or bool(text and self.words & stems_of(text))

    def concerns(self, concepts: frozenset[str]) -> bool:
        """There may be something to write about one of these.

        What is asked for may have a page of its own; other words may name any form or list, too.
        """
        named = (_NAMED_FREELY if self.words else _PAGES) & concepts - self.refused
        return bool(named) or any(self.allows(frozenset({each})) for each in concepts)

    def rank(self, concepts: frozenset[str], text: str = "") -> int:
        """Order of flows: 0 for what was asked, 1 for the rest."""
        return 0 if concepts & self.asked or (self.words & stems_of(text)) else 1


def read_instructions(text: str) -> Wish:
    """Read free text, sentence by sentence; a negation holds to the end of its clause."""
    asked, refused = set[str](), set[str]()
    words, refused_words = set[str](), set[str]()
    for clause in _CLAUSE_END.split(_PHRASES.sub(" ", text)):
        positive, *negative = _NEGATION.split(clause)
        asked |= concepts_in(positive)
        words |= _other_words(positive)
        for part in negative:
            refused |= concepts_in(part)
            refused_words |= _other_words(part)
    return Wish(
        asked=frozenset(asked - refused),
        words=frozenset(words - refused_words),
        refused=frozenset(refused),
        refused_words=frozenset(refused_words),
        only=bool(_ONLY.search(text)) and bool(asked - refused or words - refused_words),
    )


def stems_of(text: str) -> frozenset[str]:
    """The words of a text without endings, so that "orders" meets "order"."""
    return frozenset(_stem(word.lower()) for word in _WORD.findall(text))


def _stem(word: str) -> str:
    for ending in ("ies", "ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def _other_words(text: str) -> set[str]:
    found = [word.lower() for word in _WORD.findall(text)]
    return {_stem(word) for word in found if word not in _FILLER and not concepts_in(word)}
