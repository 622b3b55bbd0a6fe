"""Defects that the proxy puts into an app before it is explored: which of them are found, and what else is reported."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from tests.quality.changes import Change, PageChange, Script, WireChange, fits
from tests.quality.making import Finding
from tests.quality.rates import Rate
from tests.quality.scoring import Examiner, Survey, meeting

_ANSWER = re.compile(r"GET (/\S*) answers (\d{3})")
_RULE = re.compile(r"\([a-z-]+\)$")
"""Of axe-core, at the end of a finding's title."""
_BROKEN_PAGE = "/no-such-page"
_THROWS = "addEventListener('load', () => { throw new Error('a seeded error of this page'); });"


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong, and how a finding of it looks."""

    change: Change
    kind: str
    path: str

    def told_by(self, finding: Finding) -> bool:
        """Whether a finding is of this defect."""
        return self.kind in finding.kind and fits(self.path, urlsplit(finding.url).path)


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found of what was put in."""

    defects: Mapping[str, str]
    """For each defect the finding that tells it; empty if none does."""
    false: Sequence[str]
    """Findings that tell no defect, and were not there before either."""
    before: Sequence[str]
    """Findings of the app as it is; whether they are true is for people to say."""

    @property
    def recall(self) -> Rate:
        """Defects that were found. Goal: 90 %."""
        return Rate(sum(map(bool, self.defects.values())), len(self.defects))

    @property
    def precision(self) -> Rate:
        """New findings that are of a defect. Goal: 80 %."""
        true = sum(map(bool, self.defects.values()))
        return Rate(true, true + len(self.false))


def defects(flows: Mapping[str, Sequence[Change]], start: str, seed: int, each: int = 2) -> list[Defect]:
    """So many of each kind, in pages and links that flows reach without a form; never in the page where all begins."""
    pool = {change for changes in flows.values() for change in changes}
    pages = sorted(
        change.path
        for change in pool
        if isinstance(change, WireChange) and (change.kind, change.method) == ("server_error", "GET")
    )
    pages = [page for page in pages if page not in ("/", start)]
    links = [change for change in pool if isinstance(change, PageChange) and change.kind == "link_swapped"]
    links.sort(key=lambda change: change.id)
    chance = random.Random(seed)
    chance.shuffle(pages)
    chance.shuffle(links)
    return [
        *(Defect(WireChange("server_error", "GET", page), "SERVER_ERROR", page) for page in pages[:each]),
        *(
            Defect(Script(f"an exception in {page}", _THROWS, path=page), "SCRIPT_ERROR", page)
            for page in (pages[each : 2 * each] or [start])
        ),
        *(
            Defect(PageChange("link_broken", link.tag, text=link.text, path=link.path), "BROKEN_LINK", _BROKEN_PAGE)
            for link in links[:1]
        ),
    ]


def judged(seeded: Sequence[Defect], found: Sequence[Finding], before: Sequence[Finding]) -> Findings:
    """Which defects were found, and which findings are of none."""
    known = {_same(finding) for finding in before}
    new = [finding for finding in found if _same(finding) not in known]
    told = {
        defect.change.id: next((finding.title for finding in new if defect.told_by(finding)), "") for defect in seeded
    }
    false = [finding for finding in new if not any(_explains(defect, finding) for defect in seeded)]
    return Findings(told, [_shown(each) for each in false], [_shown(each) for each in before])


async def noticed(seeded: Sequence[Defect], examiner: Examiner, survey: Survey) -> Findings:
    """For which defects a test fails, of a suite that has no other way to tell of them; tests that fail without any
    tell of none. Raises OutOfTime."""
    tried = [await examiner.tried(defect.change, meeting(defect.change, survey), survey) for defect in seeded]
    return Findings({each.mutant.id: each.caught_by for each in tried}, sorted(survey.failed), [])


def _explains(defect: Defect, finding: Finding) -> bool:
    """A link to a page that answers with an error is broken as well."""
    path = urlsplit(finding.url).path
    return defect.told_by(finding) or fits(defect.path, path) or defect.path in finding.title


async def of_the_app_itself(found: Sequence[Finding], url: str) -> list[Finding]:
    """Those that the app answers with the same server error without any defect in it: it was only not asked before."""
    errors = [each for each in found if "SERVER_ERROR" in each.kind]
    answers = [(each, answer) for each in errors if (answer := _ANSWER.fullmatch(each.title))]
    async with httpx.AsyncClient() as client:
        return [
            each
            for each, answer in answers
            if (await client.get(urljoin(url, answer[1]))).status_code == int(answer[2])
        ]


def _same(finding: Finding) -> tuple[str, str, str]:
    """A rule that is broken on many pages is told of one of them, and it is by chance of which."""
    rule = _RULE.search(finding.title) if "ACCESSIBILITY" in finding.kind else None
    return (finding.kind, "", rule[0]) if rule else (finding.kind, urlsplit(finding.url).path, finding.title)


def _shown(finding: Finding) -> str:
    return f"{finding.kind.removeprefix('FINDING_KIND_')} {urlsplit(finding.url).path}: {finding.title}"
