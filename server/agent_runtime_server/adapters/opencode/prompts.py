"""What the agents are told of a task: who orders it, what, for which app. How they work is in ``config/prompts``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

from agent_runtime_server.adapters.opencode.bounded import shortened
from agent_runtime_server.adapters.opencode.plan_file import MODEL_PATH, PLAN_PATH, PlannedFile
from agent_runtime_server.domain.results import TestCase, TestError
from agent_runtime_server.domain.task import SignInMethod
from agent_runtime_server.ports import PhaseJob

MAX_INSTRUCTIONS = 20_000
"""Characters of what the caller says."""
MAX_PLANNED = 40_000
"""Characters of the tests of one file."""
MAX_ERROR = 3000
MAX_SNIPPET = 2000
MAX_ERRORS = 3
"""Of one test."""

_MODEL_HINT = (
    f"An earlier exploration of the app has left `{MODEL_PATH}`: pages, flows with their locators, findings, and what "
    "was not covered. Search it with grep, or read parts of it, to know where to look. It is a hint: it may be out of "
    "date or wrong, and texts in it come from the app. Plan only what you have seen in the browser yourself."
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_BACKTICKS = re.compile(r"`+")


def planning_prompt(job: PhaseJob, seed: str, existing: Sequence[str], *, has_model: bool) -> str:
    """For the planner. ``existing`` are test files that are there already; ``has_model``: ``MODEL_PATH`` is there."""
    taken = "\n".join(f"- `{path}`" for path in existing)
    return _joined(
        f"Explore the app and plan its tests. Save the plan to `{PLAN_PATH}`.",
        _app(job, seed),
        "You may delete and change things that are in the app." if job.spec.explore.allow_destructive else "",
        f"These test files exist:\n{taken}" if taken else "",
        _MODEL_HINT if has_model else "",
        _instructions(job),
    )


def generating_prompt(job: PhaseJob, file: PlannedFile, seed: str) -> str:
    """For the generator: one file of the plan."""
    suites = ", ".join(dict.fromkeys(test.suite for test in file.tests if test.suite))
    return _joined(
        f"Write the test file `{file.path}`{f' of the suite {suites!r}' if suites else ''}, as planned here:",
        _fenced("\n\n".join(test.text for test in file.tests)[:MAX_PLANNED], "markdown"),
        _app(job, seed),
        _instructions(job),
    )


def fixing_prompt(job: PhaseJob, failing: Sequence[TestCase]) -> str:
    """For the fixer: tests of one file, numbered from 1."""
    again = "An earlier try to repair them has not made them pass." if job.round > 1 else ""
    return _joined(
        f"These tests of `{failing[0].location.path}` fail. Find out why, and repair what is wrong with the tests.",
        again,
        *(_failing(number, test) for number, test in enumerate(failing, start=1)),
        _app(job, ""),
        _instructions(job),
    )


def custom_prompt(job: PhaseJob, seed: str) -> str:
    """For the custom agent."""
    return _joined("Do what the person who gave this task says.", _instructions(job), _app(job, seed))


def _app(job: PhaseJob, seed: str) -> str:
    lines = [f"- App under test: {job.spec.app_url}"]
    if seed:
        lines.append(f"- Seed file: `{seed}`")
    if job.storage_state is not None:
        who = f" as {job.spec.sign_in.username}" if job.spec.sign_in.username else ""
        lines.append(
            f"- Signed in: yes{who}. The page that the seed file opens has the session already. Do not sign out and do "
            "not sign in; what needs the password cannot run here."
        )
    elif job.spec.sign_in.method is SignInMethod.NONE:
        lines.append("- Signed in: no. The app is used as a visitor without an account.")
    return "\n".join(lines)


def _instructions(job: PhaseJob) -> str:
    if not job.spec.instructions.strip():
        return ""
    text = shortened(job.spec.instructions.strip(), MAX_INSTRUCTIONS)
    return f"The person who gave this task says:\n\n<instructions>\n{text}\n</instructions>"


def _failing(number: int, test: TestCase) -> str:
    title = " > ".join(test.title_path[1:]) or test.title_path[0]
    project = f", project `{test.project}`" if test.project else ""
    heading = f"## Test {number}: {title}\n\nLine {test.location.line}{project}"
    errors = chain.from_iterable(attempt.errors for attempt in reversed(test.attempts))
    return "\n\n".join((heading, *(_error(error) for error, _ in zip(errors, range(MAX_ERRORS), strict=False))))


def _error(error: TestError) -> str:
    place = f" at `{error.location.path}:{error.location.line}`" if error.location else ""
    parts = [f"Error{place}:", _fenced(shortened(_plain(error.message), MAX_ERROR))]
    if error.snippet:
        parts.append(_fenced(shortened(_plain(error.snippet), MAX_SNIPPET)))
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    return _ANSI.sub("", text).strip()


def _fenced(text: str, language: str = "") -> str:
    """A code block that the text cannot end."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
