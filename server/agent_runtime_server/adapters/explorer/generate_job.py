"""The ``generate`` job: from the plan and the model to the files of a Playwright suite."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import msgspec

from agent_runtime_server.adapters.explorer import known_elements
from agent_runtime_server.adapters.explorer.edits import apply_plan
from agent_runtime_server.adapters.explorer.flow import Model
from agent_runtime_server.adapters.explorer.plan_text import read_plan
from agent_runtime_server.adapters.explorer.protocol import Activity, Done, Failed, Job, Line, Log, Progress, Wrote
from agent_runtime_server.adapters.explorer.scaffold import support_files
from agent_runtime_server.adapters.explorer.test_file import print_test

GENERATED = "tests/.agent-runtime/generated.json"
"""The tests that the last ``generate`` wrote, so that the next one knows which files are its own."""


class NothingToGenerateError(Exception):
    """The plan gives no test; the message says why."""


async def run(job: Job, emit: Callable[[Line], None]) -> None:
    """Write the suite; the last line is ``Done`` or ``Failed``."""
    try:
        await asyncio.to_thread(_generate, job, emit)
    except NothingToGenerateError as error:
        emit(Failed("nothing_generated", str(error)))


def _generate(job: Job, emit: Callable[[Line], None]) -> None:
    workspace = Path(job.workspace)
    plan, model = read_model(workspace)
    emit(Activity("Writing the tests of the plan"))
    flows, not_done = apply_plan(model.flows, read_plan(plan))
    for line in not_done:
        emit(Log("warning", f"not written: {line}"))
    if not flows:
        raise NothingToGenerateError("; ".join(["the plan has no test that can be written", *not_done]))
    own = _written_before(workspace)
    tests: dict[str, str] = {}
    for path, flow in flows.items():
        if path not in own and (workspace / path).exists():
            emit(Log("warning", f"not written: {path} is there already, and not generated"))
        else:
            tests[path] = print_test(flow)
    for path in sorted(own - tests.keys()):
        _remove(workspace, path)
        emit(Log("info", f"removed {path}: it is not in the plan any more"))
    if not tests:
        raise NothingToGenerateError("every test of the plan would replace a file that was not generated")
    files = support_files(model, job.app_url, flows.values())
    write_file(workspace, GENERATED, msgspec.json.format(msgspec.json.encode(sorted(tests)), indent=2).decode() + "\n")
    fingerprints = {path: flow for path, flow in flows.items() if path in tests}
    write_file(workspace, known_elements.PATH, known_elements.content(fingerprints))
    for path, content in files.items():
        write_file(workspace, path, content)
        emit(Wrote(path))
    for number, (path, content) in enumerate(tests.items(), start=1):
        write_file(workspace, path, content)
        emit(Wrote(path))
        emit(Progress(number, len(tests), "tests"))
    emit(Done(_summary(tests, not_done), tuple(tests)))


def read_model(workspace: Path) -> tuple[str, Model]:
    """The plan and what it was made from. Raises NothingToGenerateError."""
    try:
        plan = (workspace / "specs/plan.md").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NothingToGenerateError("there is no specs/plan.md: run a plan first") from None
    try:
        return plan, msgspec.json.decode((workspace / "specs/model.json").read_bytes(), type=Model)
    except FileNotFoundError:
        raise NothingToGenerateError(
            "specs/model.json is missing: tests come from what an exploration acted out, not from the words of a plan; "
            "run a plan first, then edit it"
        ) from None
    except msgspec.MsgspecError as error:
        raise NothingToGenerateError(f"specs/model.json cannot be read, run a plan again: {error}") from None


def _written_before(workspace: Path) -> frozenset[str]:
    try:
        listed = msgspec.json.decode((workspace / GENERATED).read_bytes(), type=list[str])
    except (FileNotFoundError, msgspec.MsgspecError):
        return frozenset()
    inside = (path for path in listed if path.startswith("tests/") and ".." not in Path(path).parts)
    return frozenset(inside)


def _remove(workspace: Path, path: str) -> None:
    file = workspace / path
    file.unlink(missing_ok=True)
    if file.parent != workspace / "tests" and file.parent.exists() and not any(file.parent.iterdir()):
        file.parent.rmdir()


def write_file(workspace: Path, path: str, content: str) -> None:
    """Write a file of the workspace, whole or not at all."""
    file = workspace / path
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.part")
    part.write_text(content, encoding="utf-8")
    part.replace(file)


def _summary(tests: Mapping[str, str], not_done: Iterable[str]) -> str:
    suites = {Path(path).parent.name for path in tests}
    lines = [f"{len(tests)} tests in {len(suites)} suites."]
    lines += [f"- not written: {line}" for line in not_done]
    return "\n".join(lines)
