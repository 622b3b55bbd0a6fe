"""What keeps people out of a page by the rules of axe-core, the serious ones, each told once for each cause."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
from msgspec import Struct
from playwright.async_api import Error, Page

from agent_runtime_server.adapters.explorer.findings import Emit, like, tell
from agent_runtime_server.adapters.explorer.flow import Seen, Severity
from agent_runtime_server.adapters.explorer.protocol import Log
from agent_runtime_server.adapters.explorer.site import Site, Visit

MOST_PAGES = 15
LONGEST_SECONDS = 20.0
"""For one page."""

_TOLD_OTHERWISE = frozenset(
    {"label", "select-name", "button-name", "input-button-name", "aria-input-field-name", "aria-toggle-field-name"}
)
"""Rules about controls without a name, which the explorer sees by itself."""
_RUN = """async () => {
  const found = await axe.run(document, {resultTypes: ["violations"], iframes: false});
  const bad = (each) => each.impact === "serious" || each.impact === "critical";
  return found.violations.filter(bad).map(({id, impact, help, nodes}) => ({
    rule: id, impact, help,
    places: nodes.filter(bad).map(({target, any}) => {
      const colours = any.map(({data}) => data && data.fgColor && `${data.fgColor} on ${data.bgColor}`).find(Boolean);
      return {target: target.flat().join(" "), colours: colours || ""};
    }),
  }));
}"""


class _Place(Struct):
    target: str
    colours: str
    """The pair of colours that cannot be told apart; one pair is one cause wherever it is seen."""


class _Violation(Struct):
    rule: str
    impact: str
    help: str
    places: list[_Place]


class Judge:
    """Judges one page of each kind."""

    def __init__(self, script: str, site: Site, emit: Emit) -> None:
        """``script`` is the text of axe-core."""
        self._script = script
        self._site = site
        self._emit = emit
        self._judged: set[str] = set()
        self._known: set[tuple[str, str]] = set()

    @classmethod
    async def of(cls, path: str, site: Site, emit: Emit) -> Judge:
        """A judge with the script at this path; without one it judges nothing, and that is logged."""
        try:
            return cls(await asyncio.to_thread(Path(path).read_text), site, emit)
        except OSError:
            emit(Log("warning", "axe-core is missing, so pages are not judged by its rules; run bin/bootstrap"))
            return cls("", site, emit)

    async def judge(self, page: Page, visit: Visit, steps: tuple[str, ...]) -> None:
        """Tell what is wrong with the page that was just opened, if it is the first of its kind."""
        if not self._script or visit.skeleton in self._judged or len(self._judged) == MOST_PAGES:
            return
        self._judged.add(visit.skeleton)
        try:
            async with asyncio.timeout(LONGEST_SECONDS):
                await page.evaluate(self._script)
                found = msgspec.convert(await page.evaluate(_RUN), list[_Violation])
        except (Error, TimeoutError) as error:
            self._emit(Log("info", f"{visit.path} was not judged by axe-core: {str(error).splitlines()[:1]}"))
            return
        for violation in found:
            if violation.rule not in _TOLD_OTHERWISE:
                self._tell(violation, visit, steps)

    def _tell(self, violation: _Violation, visit: Visit, steps: tuple[str, ...]) -> None:
        causes = {(violation.rule, place.colours or like(place.target)): place for place in reversed(violation.places)}
        new = [place for cause, place in causes.items() if cause not in self._known]
        self._known.update(causes)
        if not new:
            return
        first = new[-1]
        shown = f"{first.target}{f', {first.colours}' if first.colours else ''}"
        more = f" and {len(violation.places) - 1} more" if len(violation.places) > 1 else ""
        title = f"{violation.help}: {shown}{more} ({violation.rule})"
        severity: Severity = "medium" if violation.impact == "critical" else "low"
        finding = Seen("accessibility", severity, visit.view.url, title, (*steps, f"Look at {first.target}"))
        tell(self._site, self._emit, finding, f"{violation.rule} {visit.skeleton}")
