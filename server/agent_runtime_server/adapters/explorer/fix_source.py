"""The repair of a test's source: the call that finds its element no more is written anew, and nothing else is touched.

What the page was like comes from the recording of the run that failed. Whether the test passes then is for the next run
to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden
from agent_runtime_server.adapters.explorer.fix_choice import choose, told
from agent_runtime_server.adapters.explorer.known_elements import KnownElements, printed
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.locators import candidates, has_digits
from agent_runtime_server.adapters.explorer.matching import matches
from agent_runtime_server.adapters.explorer.protocol import Failing
from agent_runtime_server.adapters.explorer.scopes import within
from agent_runtime_server.adapters.explorer.verdict import Verdict
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.written_locators import Call, calls_in, chain_in, locator_in, plain

MAX_SOURCES = 500
MAX_SOURCE_BYTES = 1 << 20
_NOT_THERE = re.compile(r"element\(s\) not found|waiting for (?!.*locator resolved to)", re.DOTALL)
_SHOWN = re.compile(r"\.to(BeVisible|BeAttached|BeInViewport|HaveCount)\b")
_NO_APP = re.compile(r"net::ERR_\w+|ECONNREFUSED|ECONNRESET|NS_ERROR_CONNECTION_REFUSED")
_VALUES = re.compile(r"^(?:Expected|Received)[^\n:]*:.*$", re.MULTILINE)
_SOURCES = ("*.ts", "*.tsx", "*.js", "*.mjs", "*.mts")


@dataclass(frozen=True)
class SourceRepair:
    """The repair of tests by their sources."""

    workspace: Path
    known: KnownElements
    hidden: Hidden

    def judge(self, test: Failing, troubles: Sequence[str], view: View | None) -> Verdict:
        """See why a test fails; if a locator is to blame, the verdict has the sources with another one.

        ``troubles`` is what the app did wrong just before, and ``view`` the page as it was then, if there is one.
        """
        error = plain(test.error)
        if no_app := _NO_APP.search(error):
            return Verdict("app_defect", f"the app cannot be reached: {no_app[0]}")
        if troubles:
            return Verdict("app_defect", f"{'; '.join(troubles)}; {_first_line(error)}")
        name = locator_in(error)
        if not name or not ("strict mode violation" in error or _NOT_THERE.search(error)):
            return Verdict("assertion" if _VALUES.search(error) else "timing", _account(error))
        chain = chain_in(name)
        if chain is None:
            return Verdict("locator", f"{name} finds no element, and is none that can be repaired")
        if view is None:
            return Verdict("locator", f"{name} finds no element, and there is no recording of the page")
        return self._mend(test, chain, view, asserted=bool(_SHOWN.search(error)))

    def _mend(self, test: Failing, chain: Sequence[Locator], view: View, *, asserted: bool) -> Verdict:
        scope, call = _broken(view, chain)
        whole = within(call, scope) if scope else call
        around = matches(view, scope) if scope else None
        found = matches(view, whole)
        if len(found) == 1:
            return Verdict("timing", f"{words.element(whole)} was on the page, but could not be used")
        among = [each for each in view.elements if around is None or any(each.inside(outer) for outer in around)]
        was = self.known.by_source(test.path, printed(whole))
        asserted = asserted and call is chain[-1]
        choice = choose(among, view, whole, was, found, self.hidden, asserted=asserted)
        if choice.element is None:
            return Verdict("locator", f"{words.element(whole)} finds {len(found)} elements; {choice.account()}")
        new = _written(view, choice.element, call, scope)
        if new is None:
            return Verdict("locator", f"no locator tells {told(choice.element)} from others")
        sources = self._rewritten(test, call, new)
        if not sources:
            return Verdict("locator", f"{words.element(call)} is not written out in the sources; {choice.account()}")
        said = f"{words.element(whole)} is now {words.element(new)} ({choice.confidence})"
        return Verdict("locator", said, sources=sources)

    def _rewritten(self, test: Failing, old: Locator, new: Locator) -> dict[str, str]:
        """The sources with another call in the place of one: at the place of the error and after it, if it is there,
        else wherever it is in the test's file, else in what is not a test."""
        text = printed(new).removeprefix("page.")
        own = _read(self.workspace / test.path)
        calls = [call for call in calls_in(own) if call.locator == old]
        start = _offset(own, test.line)
        if calls:
            later = [call for call in calls if test.line and call.end >= start]
            return {test.path: _edited(own, later if _on_line(own, calls, start) else calls, text)}
        edited = {}
        for path in self._helpers():
            source = _read(self.workspace / path)
            if calls := [call for call in calls_in(source) if call.locator == old]:
                edited[path] = _edited(source, calls, text)
        return edited

    def _helpers(self) -> list[str]:
        """Sources that are no tests: page objects and the like."""
        found = []
        for pattern in _SOURCES:
            for file in self.workspace.rglob(pattern):
                path = file.relative_to(self.workspace)
                hidden = any(part.startswith(".") or part in ("node_modules", "artifacts") for part in path.parts)
                if not hidden and ".spec." not in path.name and ".test." not in path.name:
                    found.append(path.as_posix())
        return sorted(found)[:MAX_SOURCES]


def _broken(view: View, chain: Sequence[Locator]) -> tuple[Locator | None, Locator]:
    """The first call that finds nothing, and what is around it; the last one if all find something."""
    scope: Locator | None = None
    for call in chain[:-1]:
        whole = within(call, scope) if scope else call
        if not matches(view, whole):
            return scope, call
        scope = whole
    return scope, chain[-1]


def _written(view: View, element: Element, old: Locator, scope: Locator | None) -> Locator | None:
    """A locator that finds the element alone within a scope, as much like the old one as can be."""
    spare = None
    for each in candidates(view, element):
        if each.by == "css":
            continue
        for exact in dict.fromkeys((old.exact, True)):
            locator = replace(each, exact=exact)
            if matches(view, within(locator, scope) if scope else locator) == [element]:
                if not has_digits(locator) or has_digits(old):
                    return locator
                spare = spare or locator
    return spare


def _edited(source: str, calls: Sequence[Call], text: str) -> str:
    for call in reversed(calls):
        source = source[: call.start] + text + source[call.end :]
    return source


def _offset(source: str, line: int) -> int:
    """Where a line begins, from 1."""
    return sum(len(each) for each in source.splitlines(keepends=True)[: max(0, line - 1)])


def _on_line(source: str, calls: Sequence[Call], start: int) -> bool:
    end = source.find("\n", start)
    end = len(source) if end < 0 else end
    return any(call.start <= end and call.end >= start for call in calls)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8") if path.stat().st_size <= MAX_SOURCE_BYTES else ""
    except (OSError, UnicodeDecodeError):
        return ""


def _first_line(error: str) -> str:
    return next(_lines(error), "it failed")


def _account(error: str) -> str:
    """What an error says was expected and what was seen."""
    values = [" ".join(value.split()) for value in _VALUES.findall(error)]
    return "; ".join((_first_line(error), *values))[:500]


def _lines(error: str) -> Iterator[str]:
    return (line.strip().removeprefix("Error: ") for line in error.splitlines() if line.strip())
