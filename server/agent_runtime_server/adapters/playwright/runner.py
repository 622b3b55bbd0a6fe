"""Runs a suite, any suite, and makes a report of what its reporter tells."""

from __future__ import annotations

import errno
import json
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.playwright import events
from agent_runtime_server.adapters.playwright.channel import listen
from agent_runtime_server.adapters.playwright.check import compiler_problems, linter_problems
from agent_runtime_server.adapters.processes import Exit, Limits, spawn
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource
from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.ports import Availability, Emit, RunJob, TestReport

RUN_LIMITS = Limits(seconds=4 * 3600)
TAIL_LINES = 40
"""Lines of standard error that a failure quotes."""
MAX_OUTPUT_LINE = 4096
"""Characters of one line of the runner's own output that are logged."""
CONFIGS = tuple(f"playwright.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs"))
"""What a workspace's own configuration may be called, in Playwright's order."""
OVERRIDE = ".agent-runtime.config"
"""Stands beside it, with the same ending, while a run lasts."""

_HERE = Path(__file__).parent
_NO_BROWSER = re.compile(r"(Error: )?browserType\.\w+: Executable doesn't exist")
_NO_PROJECT = re.compile(r"^Error: (Project\(s\) .* not found|No projects matched)", re.MULTILINE)
_DISK_FULL = re.compile(r"(Error: )?ENOSPC: no space left")


class PlaywrightRunner:
    """Playwright Test of one toolchain. Implements ``ports.TestRunner``.

    Attempts name their files by path: ``TestAttempt.artifact_ids`` holds workspace paths, those of ``Produced``.
    """

    def __init__(
        self, toolchain: Toolchain, environment: Mapping[str, str] = os.environ, limits: Limits = RUN_LIMITS
    ) -> None:
        """``environment`` is the server's; its allowed part is the suites'. ``limits`` bound one run."""
        self._toolchain = toolchain
        self._environment = environment
        self._limits = limits

    def availability(self) -> Availability:
        """Whether suites can run here; without ffmpeg they can, but have no videos."""
        version = self._toolchain.playwright_version
        usable = version is not None and self._toolchain.node is not None and self._toolchain.browser() is not None
        return Availability(usable, version or "", "; ".join(self._toolchain.problems()))

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Run the suite in its workspace; see ``ports.TestRunner``."""
        try:
            return await self._run(job, emit)
        except OSError as error:
            reason = FailureReason.DISK_FULL if error.errno == errno.ENOSPC else FailureReason.RUNNER_CRASHED
            return TestReport(events.Translator(job.round).summary(), Failure(reason, str(error)))

    async def check(self, workspace: Path) -> Sequence[str]:
        """Compiler and linter errors as ``file:line message``. Raises OSError if they cannot be started."""
        environment = child_environment(self._environment)
        compiler = await compiler_problems(self._toolchain, workspace, environment)
        return [*compiler, *await linter_problems(self._toolchain, workspace, environment)]

    async def _run(self, job: RunJob, emit: Emit) -> TestReport:
        translator = events.Translator(job.round)
        garbled: list[str] = []

        def take(line: bytes) -> None:
            try:
                told = events.decode(line)
            except msgspec.MsgspecError as error:
                garbled.append(str(error))
                return
            for fact in translator.facts(told, _now()):
                emit(fact)

        folder = f"artifacts/run-{job.round}"
        output = job.workspace / folder
        output.mkdir(parents=True, exist_ok=True)
        tail: deque[str] = deque(maxlen=TAIL_LINES)
        async with listen(take) as channel:
            with _override_config(job.workspace) as config:
                command = self._toolchain.command_playwright("test", *_arguments(job, config, output))
                environment = self._suite_environment(job, output, channel.path)
                async with spawn(command, cwd=job.workspace, env=environment, limits=self._limits) as tree:
                    async for line in tree.lines():
                        text = line.text[:MAX_OUTPUT_LINE]
                        if line.stream == "stderr":
                            tail.append(text)
                        if text.strip():
                            emit(LogEntry(_now(), LogLevel.DEBUG, LogSource.TEST_RUNNER, text))
                    ended = await tree.wait()
            await channel.drained()
        report_path = _keep(job, folder, emit)
        failure = _failure(translator, ended, [*garbled[:1], *tail])
        return TestReport(translator.summary(), failure, translator.tests, report_path)

    def _suite_environment(self, job: RunJob, output: Path, socket: Path) -> dict[str, str]:
        """The suite's variables. ``CI`` is not among them: a suite behaves as it does for a person."""
        more = dict(job.environment)
        if job.app_url:
            more["BASE_URL"] = job.app_url
        override = _override(job, output, socket, videos=self._toolchain.ffmpeg() is not None)
        more["AGENT_RUNTIME_RUN"] = json.dumps(override)
        return child_environment(self._environment, **more)


def _override(job: RunJob, output: Path, socket: Path, *, videos: bool) -> dict[str, object]:
    """What ``override.mjs`` lays over the workspace's configuration."""
    recorded = "on" if job.record else "off"
    use = {"trace": recorded, "screenshot": recorded, "video": recorded if videos else "off"}
    if job.app_url:
        use["baseURL"] = job.app_url
    reporters: list[object] = [[str(_HERE / "reporter.cjs"), {"socket": str(socket)}]]
    if job.record:
        reporters += [
            ["html", {"outputFolder": str(output / "report"), "open": "never"}],
            ["junit", {"outputFile": str(output / "junit.xml")}],
            ["json", {"outputFile": str(output / "results.json")}],
        ]
    return {"use": use, "reporter": reporters}


def _arguments(job: RunJob, config: Path, output: Path) -> Iterator[str]:
    """The command line's part of the options; it goes before whatever the configuration says."""
    options = job.options
    # Playwright reads filters as regular expressions over absolute paths. None can be taken for an option.
    yield from (f"{re.escape('/' + path.strip('/'))}(/|$)" for path in options.test_paths)
    yield from ("--config", str(config), "--output", str(output / "test-results"))
    if options.grep:
        yield f"--grep={options.grep}"
    if options.retries:
        yield f"--retries={options.retries}"
    if options.workers:
        yield f"--workers={options.workers}"
    if options.test_timeout:
        yield f"--timeout={round(options.test_timeout.total_seconds() * 1000)}"
    yield from (f"--project={project}" for project in options.projects)


@contextmanager
def _override_config(workspace: Path) -> Iterator[Path]:
    """The configuration to run with, in the workspace."""
    own = next((path for name in CONFIGS if (path := workspace / name).is_file()), _HERE / "default.config.mjs")
    imported = f"./{own.name}" if own.parent == workspace else own.as_posix()
    config = workspace / f"{OVERRIDE}{own.suffix}"
    config.write_text((_HERE / "override.mjs").read_text().replace("./playwright.config.ts", imported))
    try:
        yield config
    finally:
        config.unlink(missing_ok=True)


def _keep(job: RunJob, folder: str, emit: Emit) -> str:
    """Tell of the run's own files, those that came about; returns the report's folder, if there is one."""
    files = {
        "junit.xml": (ArtifactKind.JUNIT, "application/xml"),
        "results.json": (ArtifactKind.LOG, "application/json"),
        "report": (ArtifactKind.REPORT, "application/zip"),
    }
    there = [name for name in files if job.record and (job.workspace / folder / name).exists()]
    for name in there:
        kind, media_type = files[name]
        emit(Produced(kind, f"{folder}/{name}", media_type, round=job.round))
    return f"{folder}/report" if "report" in there else ""


def _failure(translator: events.Translator, ended: Exit, tail: Sequence[str]) -> Failure | None:
    """Why the machinery failed, if it did. The exit code says nothing: tests that fail have one, too."""
    quoted = "\n".join(tail).strip()
    told = [error.message for test in translator.tests for done in test.attempts for error in done.errors]
    if ended.reason in ("memory", "time"):
        return Failure(FailureReason.OUT_OF_RESOURCES, f"the run was stopped at its limit of {ended.reason}")
    for message in told:
        if _NO_BROWSER.match(message):
            return Failure(FailureReason.BROWSER_MISSING, message.strip().splitlines()[0])
    if any(map(_DISK_FULL.match, (*told, *tail))):
        return Failure(FailureReason.DISK_FULL, "no space is left on the disk")
    if translator.end is None:
        if _NO_PROJECT.search(quoted):
            return None  # selects nothing, as a filter does that no test matches
        how = f"signal {ended.signal}" if ended.signal else f"exit code {ended.code}"
        message = f"the runner ended early ({how})"
        return Failure(FailureReason.RUNNER_CRASHED, f"{message}:\n{quoted}" if quoted else message)
    if translator.end.status == "interrupted":
        return Failure(FailureReason.RUNNER_CRASHED, "the run was interrupted")
    if translator.errors and not translator.begun:
        return Failure(FailureReason.RUNNER_CRASHED, translator.errors[0])
    return None


def _now() -> datetime:
    return datetime.now(UTC)
