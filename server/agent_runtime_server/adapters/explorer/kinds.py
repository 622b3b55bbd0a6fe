"""How many pages of each kind a walk has seen, and when these are enough."""

from __future__ import annotations

from collections import Counter

from agent_runtime_server.adapters.explorer.templates import pattern, segments

INSTANCES_OF_A_TEMPLATE = 3
INSTANCES_OF_A_QUERY = 2
PAGES_OF_A_FOLDER = 5
"""Pages that lie side by side and look differently, such as articles: the next ones wait for all other pages."""
MOST_PAGES_OF_A_FOLDER = 12


class Kinds:
    """Counts pages by their URL pattern, and by the folder that they lie in."""

    def __init__(self, home: str = "/") -> None:
        """``home`` is the path of the start page, below which the app is."""
        self._below = len(segments(home.rpartition("/")[0]))
        self._patterns: Counter[str] = Counter()
        self._folders: dict[tuple[object, ...], Counter[str]] = {}

    def count(self, path: str, shape: str) -> None:
        """A page was seen; ``shape`` is its skeleton."""
        self._patterns[pattern(path)] += 1
        self._folders.setdefault(_folder(path), Counter())[shape] += 1

    def seen(self, path: str) -> int:
        """How many pages of the same pattern were seen."""
        return self._patterns[pattern(path)]

    def are_enough(self, path: str) -> bool:
        """Another page like this would show nothing new."""
        kind = pattern(path)
        limit = INSTANCES_OF_A_QUERY if "?" in kind else INSTANCES_OF_A_TEMPLATE
        if self._patterns[kind] >= limit and (":" in kind or "?" in kind):
            return True
        shapes = self._beside(path)
        if "?" in kind or len(shapes) == 1:
            return shapes.total() >= limit
        return shapes.total() >= MOST_PAGES_OF_A_FOLDER

    def may_wait(self, path: str) -> bool:
        """Several pages of its folder were seen."""
        return self._beside(path).total() >= PAGES_OF_A_FOLDER

    def _beside(self, path: str) -> Counter[str]:
        """Shapes of the pages in the same folder; those right below the start page are in no folder."""
        return self._folders.get(_folder(path), Counter()) if len(segments(path)) > 1 + self._below else Counter()


def _folder(path: str) -> tuple[object, ...]:
    parts = segments(path)
    return (len(parts), parts[:-1], pattern(path).partition("?")[2])
