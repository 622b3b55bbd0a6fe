"""The plan for people: printed in the format of Playwright's own planner, and read back after they edited it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from msgspec import Struct

from agent_runtime_server.adapters.explorer.flow import Flow, Model
from agent_runtime_server.adapters.explorer.test_file import path_of

SEED = "tests/seed.spec.ts"

_SUITE = re.compile(r"###\s+(?:\d+\.\s*)?(?P<name>.+)")
_TEST = re.compile(r"####\s+(?:[\d.]+\s+)?(?P<name>.+)")
_FILE = re.compile(r"\*\*File:\*\*\s*`?(?P<path>[^`]+?)`?")
_EXPECT = re.compile(r"\s*[-*]\s+expect:\s*(?P<text>.+)", re.IGNORECASE)
_PERFORM = re.compile(r"\s*\d+[.)]\s+(?P<text>.+)")


class PlannedStep(Struct, frozen=True):
    """One numbered step."""

    perform: str
    expectations: tuple[str, ...] = ()


class PlannedTest(Struct, frozen=True):
    """One test as the plan has it; ``path``, empty when the plan names none, tells which one it is."""

    suite: str
    name: str
    path: str
    steps: tuple[PlannedStep, ...] = ()


def print_plan(model: Model) -> str:
    """The plan of a model, byte for byte as Playwright's planner would save it, and three sections of our own."""
    return "\n".join((*_scenarios(model), *_findings(model), *_skipped(model), *_coverage(model)))


def _scenarios(model: Model) -> Iterator[str]:
    yield from (f"# {_line(model.title)}", "", "## Application Overview", "", model.overview, "", "## Test Scenarios")
    for number, (suite, flows) in enumerate(groupby(model.flows, key=lambda flow: flow.suite), start=1):
        yield from ("", f"### {number}. {_line(suite)}", "", f"**Seed:** `{SEED}`")
        for at, flow in enumerate(flows, start=1):
            yield from ("", f"#### {number}.{at}. {_line(flow.title)}", "")
            yield from (f"**File:** `{path_of(flow)}`", "", "**Steps:**")
            for position, step in enumerate(flow.steps, start=1):
                yield f"  {position}. {_line(step.title) or '-'}"
                yield from (f"    - expect: {_line(expectation.text)}" for expectation in step.expectations)
    yield ""


def _findings(model: Model) -> Iterator[str]:
    yield from ("## Findings", "")
    if not model.findings:
        yield "None."
    for finding in model.findings:
        yield f"- **{finding.severity}** {_line(finding.title)} ({finding.kind}, {finding.url})"
        yield from (f"  {number}. {_line(step)}" for number, step in enumerate(finding.steps, start=1))
    yield ""


def _skipped(model: Model) -> Iterator[str]:
    yield from ("## Not covered and why", "")
    if not model.skipped:
        yield "Nothing was left out on purpose."
    yield from (f"- {_line(skipped.what)}: {_line(skipped.why)}" for skipped in model.skipped)
    yield ""


def _coverage(model: Model) -> Iterator[str]:
    expectations = sum(len(step.expectations) for flow in model.flows for step in flow.steps)
    yield from ("## Coverage", "")
    yield f"- {len(model.flows)} tests with {expectations} expectations, each of them shown able to fail"
    yield f"- {len(model.pages)} kinds of pages: {', '.join(f'`{page}`' for page in model.pages) or 'none'}"
    if model.http_basic:
        yield "- the app lets nobody in without a user name and a password (HTTP Basic): the tests take theirs from the"
        yield "  environment, `TEST_USERNAME` and `TEST_PASSWORD`"
    if model.one_at_a_time:
        yield "- the app fails at what goes well alone when it is asked for several things at the same time: the tests"
        yield "  run one after the other"
    if model.truncated:
        yield "- the exploration was ended by its time limit: there may be more to find"
    yield ""


def read_plan(text: str) -> list[PlannedTest]:
    """The tests of a plan, in order; what else the plan says is passed over."""
    tests: list[PlannedTest] = []
    steps: list[PlannedStep] = []
    suite, name, path = "", "", ""

    def finish() -> None:
        if name:
            tests.append(PlannedTest(suite, name, path, tuple(steps)))

    for line in text.splitlines():
        if line.startswith("#"):
            finish()
            name, path, steps = "", "", []
            if found := _TEST.fullmatch(line.rstrip()):
                name = found["name"]
            elif found := _SUITE.fullmatch(line.rstrip()):
                suite = found["name"]
        elif found := _FILE.fullmatch(line.strip()):
            path = found["path"].strip()
        elif (found := _EXPECT.fullmatch(line.rstrip())) and steps:
            steps[-1] = PlannedStep(steps[-1].perform, (*steps[-1].expectations, found["text"]))
        elif found := _PERFORM.fullmatch(line.rstrip()):
            steps.append(PlannedStep(found["text"]))
    finish()
    return tests


def planned_as(flow: Flow) -> PlannedTest:
    """A flow as its plan reads."""
    steps = (
        PlannedStep(step_title(step.title), tuple(_line(e.text) for e in step.expectations)) for step in flow.steps
    )
    return PlannedTest(_line(flow.suite), _line(flow.title), path_of(flow), tuple(steps))


def step_title(title: str) -> str:
    """A step's title as the plan has it."""
    return _line(title) or "-"


def _line(text: str) -> str:
    return " ".join(text.split())
