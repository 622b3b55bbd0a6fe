"""A Playwright suite under test, whoever has written it, run as its own configuration says."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.toolchain import Toolchain

SECONDS = 900.0
"""What one run may take."""
TEST_MS = 30_000
_AROUND = (".setup.", "seed.spec.")
"""In the names of files that are no tests: they set up, or are where agents begin."""


class SuiteBroken(Exception):
    """A suite that cannot be run at all; the message has the end of what Playwright said."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A folder with a Playwright configuration."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Sign-in data, and whatever else its tests read."""

    def copied(self, folder: Path) -> Suite:
        """The same suite in another folder, without what runs have left."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("node_modules", "artifacts", ".*"))
        return Suite(folder, self.environment)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the tests of a run ended, by file and title."""

    passed: frozenset[str]
    failed: frozenset[str]
    """Flaky ones too: retries are off."""


async def run(
    suite: Suite, toolchain: Toolchain, url: str, *, workers: int = 1, stop_at_first: bool = False
) -> Outcome:
    """Run a suite against an address, without retries and recordings. Raises SuiteBroken."""
    command = [
        *toolchain.command_playwright("test", "--reporter=json", "--retries=0", f"--workers={workers}"),
        *(f"--timeout={TEST_MS}", "--trace=off", *(["-x"] if stop_at_first else [])),
    ]
    toolchain.link(suite.folder)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "AGENT_RUNTIME_"))
    } | {"BASE_URL": url, "PLAYWRIGHT_BROWSERS_PATH": str(toolchain.browsers_folder), **suite.environment}
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=suite.folder,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    text = said.decode(errors="replace")
    try:
        report = json.loads(text[text.index("{\n") :])
    except ValueError:
        raise SuiteBroken(text[-2000:]) from None
    return _outcome(report)


def _outcome(report: Mapping[str, Any]) -> Outcome:
    passed, failed = set[str](), set[str]()
    for name, spec in _specs(report.get("suites", ())):
        statuses = {result["status"] for test in spec["tests"] for result in test["results"]}
        if statuses - {"skipped", "interrupted"}:
            (passed if spec["ok"] else failed).add(name)
    broken = [error.get("message", "") for error in report.get("errors", ())]
    if broken and not passed and not failed:
        raise SuiteBroken("\n".join(broken)[-2000:])
    return Outcome(frozenset(passed), frozenset(failed))


def _specs(suites: Any, above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for suite in suites:
        title = f"{above} > {suite['title']}" if above else suite["title"]
        if any(word in suite.get("file", "") for word in _AROUND):
            continue
        yield from ((f"{title} > {spec['title']}", spec) for spec in suite.get("specs", ()))
        yield from _specs(suite.get("suites", ()), title)
