"""Runs a suite, any suite, and makes a report of what its reporter tells."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from agent_runtime_server.adapters.beneath import new_file, opened_folder
from agent_runtime_server.adapters.environment import child_environment
from agent_runtime_server.adapters.playwright.channel import Channel, listen
from agent_runtime_server.adapters.playwright.check import compiler_problems, linter_problems
from agent_runtime_server.adapters.playwright.record import RunRecord
from agent_runtime_server.adapters.processes import Limits, Owner, ProcessTree, spawn
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.domain.results import TestSummary
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.patience import to_the_end
from agent_runtime_server.ports import Availability, Emit, RunJob, StopSign, TestReport

RUN_LIMITS = Limits(seconds=4 * 3600)
SILENCE_SECONDS = 600.0
"""How long a run may say nothing, not even that it lives, before it counts as stuck. A global set-up that works without
a pause, as one that builds the app may do, says nothing either."""
CONFIGS = tuple(f"playwright.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs"))
"""What a workspace's own configuration may be called, in Playwright's order."""
OVERRIDE = ".agent-runtime.config"
"""Stands beside it, with the same ending, while a run lasts."""

_HERE = Path(__file__).parent


class PlaywrightRunner:
    """Playwright Test of one toolchain. Implements ``ports.TestRunner``.

    Attempts name their files by path: ``TestAttempt.artifact_ids`` holds workspace paths, those of ``Produced``.
    """

    def __init__(
        self,
        toolchain: Toolchain,
        environment: Mapping[str, str] = os.environ,
        limits: Limits = RUN_LIMITS,
        *,
        owner: Owner | None = None,
        silence_seconds: float = SILENCE_SECONDS,
    ) -> None:
        """``environment`` is the server's; its allowed part is the suites'. ``limits`` bound one run; ``owner`` owns
        its processes."""
        self._toolchain = toolchain
        self._environment = environment
        self._limits = limits
        self._owner = owner
        self._silence_seconds = silence_seconds

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
            return TestReport(TestSummary(), Failure(reason, str(error)))

    async def check(self, workspace: Path) -> Sequence[str]:
        """Compiler and linter errors as ``file:line message``. Raises OSError if they cannot be started."""
        environment = child_environment(self._environment)
        compiler = await compiler_problems(self._toolchain, workspace, environment, self._owner)
        return [*compiler, *await linter_problems(self._toolchain, workspace, environment, self._owner)]

    async def _run(self, job: RunJob, emit: Emit) -> TestReport:
        record = RunRecord(job, emit)
        output = job.workspace / record.folder
        with opened_folder(job.workspace, PurePosixPath(record.folder).parts, make=True):
            pass  # no link leads elsewhere
        async with listen(record.take, self._owner) as channel:
            with _override_config(job.workspace) as config:
                command = self._toolchain.command_playwright("test", *_arguments(job, config, output))
                environment = self._suite_environment(job, output, channel)
                async with spawn(
                    command, cwd=job.workspace, env=environment, limits=self._limits, owner=self._owner
                ) as tree:
                    try:
                        await self._while_alive(tree, record)
                    except asyncio.CancelledError:
                        if job.stop.grace > 0:
                            await to_the_end(_wind_down(tree, record, channel, job.stop))
                        raise
            await to_the_end(_bring_home(record, channel))
            return record.report(browser_lost=_lost_note(channel).exists())

    async def _while_alive(self, tree: ProcessTree, record: RunRecord) -> None:
        """Follow a run to its end, or until it says nothing any more."""
        loop = asyncio.get_running_loop()

        def hear() -> None:
            if not silence.expired():
                silence.reschedule(loop.time() + self._silence_seconds)

        try:
            async with asyncio.timeout(self._silence_seconds) as silence:
                with record.heard_by(hear):
                    await record.follow(tree)
        except TimeoutError:
            record.silence = self._silence_seconds

    def _suite_environment(self, job: RunJob, output: Path, channel: Channel) -> dict[str, str]:
        """The suite's variables. ``CI`` is not among them: a suite behaves as it does for a person."""
        more = dict(job.environment)
        if job.app_url:
            more["BASE_URL"] = job.app_url
        override = _override(job, output, channel, videos=self._toolchain.ffmpeg() is not None)
        more["AGENT_RUNTIME_RUN"] = json.dumps(override)
        return child_environment(self._environment, **more)


async def _wind_down(tree: ProcessTree, record: RunRecord, channel: Channel, stop: StopSign) -> None:
    """Give a run that is to end its time to do so in good order. What it writes at its end is kept if it got there."""
    await tree.interrupt()
    ending = asyncio.ensure_future(record.follow(tree))
    forced = asyncio.ensure_future(stop.forced())
    await asyncio.wait({ending, forced}, timeout=stop.grace, return_when=asyncio.FIRST_COMPLETED)
    if ending.done():
        await _bring_home(record, channel)
    else:
        await tree.stop(0)
    for task in (ending, forced):
        task.cancel()
    await asyncio.wait({ending, forced})


async def _bring_home(record: RunRecord, channel: Channel) -> None:
    """Hear what the reporter has said last, and tell of the files."""
    await channel.drained()
    record.keep()


def _lost_note(channel: Channel) -> Path:
    """What ``override.mjs`` leaves when a browser has gone away by itself."""
    return channel.folder / "browser-lost"


def _override(job: RunJob, output: Path, channel: Channel, *, videos: bool) -> dict[str, object]:
    """What ``override.mjs`` lays over the workspace's configuration."""
    recorded = "on" if job.record else "off"
    use = {"trace": recorded, "screenshot": recorded, "video": recorded if videos else "off"}
    if job.app_url:
        use["baseURL"] = job.app_url
    reporters: list[object] = [[str(_HERE / "reporter.cjs"), _reporter_options(job, channel)]]
    if job.record:
        reporters += [
            ["html", {"outputFolder": str(output / "report"), "open": "never"}],
            ["junit", {"outputFile": str(output / "junit.xml")}],
            ["json", {"outputFile": str(output / "results.json")}],
        ]
    return {"use": use, "reporter": reporters, "lost": str(_lost_note(channel))}


def _reporter_options(job: RunJob, channel: Channel) -> dict[str, str]:
    """Where the reporter is heard, and the file that names the tests to leave, if not all are wanted."""
    options = {"socket": str(channel.path)}
    if job.options.only:
        only = channel.folder / "only.json"
        only.write_text(json.dumps([[name.project, *name.title_path] for name in job.options.only]))
        options["only"] = str(only)
    return options


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
    config.unlink(missing_ok=True)
    with new_file(config) as file:
        file.write((_HERE / "override.mjs").read_text().replace("./playwright.config.ts", imported).encode())
    try:
        yield config
    finally:
        config.unlink(missing_ok=True)
