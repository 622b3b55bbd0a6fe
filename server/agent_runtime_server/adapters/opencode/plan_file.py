"""The plan, ``specs/plan.md``: written by Playwright's planner, edited by people, read as the test files to write."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

PLAN_PATH = "specs/plan.md"
MODEL_PATH = "specs/model.json"
"""Where whoever explored the app before may have left what they learnt of it."""
MAX_BYTES = 1 << 20
"""Bytes of a plan that are read."""
MAX_TESTS = 200
MAX_TEST_CHARACTERS = 20_000
"""Of one planned test."""
MAX_PATH = 200
SEED = "tests/seed.spec.ts"

_SUITE = re.compile(r"###\s+(?:\d+\.\s*)?(?P<name>.+)")
_TEST = re.compile(r"####\s+(?:[\d.]+\s+)?(?P<name>.+)")
_FILE = re.compile(r"\*\*File:\*\*\s*`?(?P<path>[^`]+?)`?")
_EXPECTATION = re.compile(r"\s*[-*]\s+expect:\s*\S.*", re.IGNORECASE)
_PATH = re.compile(r"tests/(?:[\w@+][\w.@+ -]*/)*[\w@+][\w.@+ -]*\.(?:spec|test)\.[cm]?[jt]sx?")
_NOT_IN_NAMES = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class PlannedTest:
    """One test of a plan."""

    suite: str
    title: str
    text: str
    """All that the plan says of it, its heading included."""
    expectations: int
    """How many things it is to show."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of tests; as a rule it has one."""

    path: str
    """Below ``tests/``, with forward slashes."""
    tests: tuple[PlannedTest, ...]

    @property
    def digest(self) -> str:
        """Changes when the plan says something else of its tests."""
        return hashlib.sha256("\0".join(f"{test.suite}\0{test.text}" for test in self.tests).encode()).hexdigest()[:20]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a plan orders."""

    files: tuple[PlannedFile, ...]
    """In the plan's order."""
    problems: tuple[str, ...]
    """One line for each thing that cannot be done as it says."""

    @property
    def tests(self) -> Sequence[PlannedTest]:
        """All of them, in order."""
        return [test for file in self.files for test in file.tests]


def read_plan(text: str) -> Plan:
    """The tests of a plan; what it says besides is passed over. Headings of the third level name suites, those of the
    fourth tests."""
    files: dict[str, list[PlannedTest]] = {}
    problems: list[str] = []
    for number, (suite, block) in enumerate(_blocks(text)):
        if number == MAX_TESTS:
            problems.append(f"the plan has more than {MAX_TESTS} tests: the rest is left out")
            break
        title = _title(block[0])
        path = _path_of(suite, title, block)
        if problem := _problem(path):
            problems.append(f"{title!r}: {problem}")
            continue
        expectations = sum(1 for line in block if _EXPECTATION.fullmatch(line))
        whole = "\n".join(block).strip()[:MAX_TEST_CHARACTERS]
        files.setdefault(path, []).append(PlannedTest(suite, title, whole, expectations))
    return Plan(tuple(PlannedFile(path, tuple(tests)) for path, tests in files.items()), tuple(problems))


def is_test(path: str) -> bool:
    """Whether a path of the workspace is that of a test file, as plans may name it."""
    return len(path) <= MAX_PATH and _PATH.fullmatch(path) is not None


def _blocks(text: str) -> list[tuple[str, list[str]]]:
    """The lines of each test, its heading first, with the name of its suite."""
    blocks: list[tuple[str, list[str]]] = []
    suite, inside = "", False
    for line in text.splitlines():
        if _TEST.fullmatch(line.rstrip()):
            blocks.append((suite, [line.rstrip()]))
            inside = True
        elif line.startswith(("# ", "## ", "### ")):
            inside = False
            if found := _SUITE.fullmatch(line.rstrip()):
                suite = _one_line(found["name"])
        elif inside:
            blocks[-1][1].append(line.rstrip())
    return blocks


def _title(heading: str) -> str:
    found = _TEST.fullmatch(heading)
    return _one_line(found["name"]) if found else heading


def _path_of(suite: str, title: str, block: Sequence[str]) -> str:
    """The file that the plan names, or one that is named after suite and test."""
    for line in block:
        if found := _FILE.fullmatch(line.strip()):
            return found["path"].strip().removeprefix("./")
    return "/".join(("tests", *filter(None, (_slug(suite), f"{_slug(title) or 'test'}.spec.ts"))))


def _problem(path: str) -> str:
    """Why a file cannot be written; empty when it can."""
    if not is_test(path):
        return f"{path[:MAX_PATH]!r} is no test file below tests/, such as tests/cart/add-item.spec.ts"
    return f"{path} is the seed of all tests" if path == SEED else ""


def _slug(name: str) -> str:
    return _NOT_IN_NAMES.sub("-", name.lower()).strip("-")[: MAX_PATH // 4]


def _one_line(text: str) -> str:
    return " ".join(text.split())[:MAX_PATH]
