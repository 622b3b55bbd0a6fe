"""A Playwright suite under test, whoever has written it, run as its own configuration says."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import shutil
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.toolchain import Toolchain

SECONDS = 900.0
"""What one run may take."""
TEST_MS = 30_000
SET_UP = ".setup."
"""In the names of files that sign in, or make whatever else tests need."""
SEED = "seed.spec."
"""In the name of the file from which agents begin."""
UNRECORDED = "unrecorded.config.cts"
_WITHOUT_RECORDINGS = """\
import { defineConfig } from '@playwright/test';
import config from './NAME';

export default defineConfig(config, { use: { screenshot: 'off', trace: 'off', video: 'off' } });
"""
"""There is no option of the command line for videos, which take a good part of a machine."""
_ORDER = re.compile(r"(?<![^/])\d{3}~")


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
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder, ignore=_left_by_runs)
        return Suite(folder, self.environment)

    def copied_over(self, folder: Path, only: Collection[str]) -> None:
        """Put some files of its tests, what all share, and what is known of them, into a folder, in the place of those
        that are there."""
        for name in ("specs", "tests"):
            shutil.rmtree(folder / name, ignore_errors=True)
            if (self.folder / name).exists():
                shutil.copytree(self.folder / name, folder / name, ignore=_left_by_runs)
        for file in self.specs():
            path = file.relative_to(self.folder / "tests")
            if str(path) not in only:
                (folder / "tests" / path).unlink()

    def shuffled(self, folder: Path, seed: int) -> Suite:
        """A copy whose tests run in another order: they run in that of their names. Outcomes have the old names."""
        copy, chance = self.copied(folder), random.Random(seed)
        for file in copy.specs():
            file.rename(file.with_name(f"{chance.randrange(1000):03}~{file.name}"))
        for inner in sorted({file.parent for file in copy.specs()} - {copy.folder / "tests"}):
            inner.rename(inner.with_name(f"{chance.randrange(1000):03}~{inner.name}"))
        return copy

    def specs(self) -> list[Path]:
        """The files with its tests."""
        return sorted(file for file in self.folder.glob("tests/**/*.spec.ts") if SEED not in file.name)

    def tests(self) -> dict[str, str]:
        """The sources of its tests and of what they share, by path."""
        return {
            str(file.relative_to(self.folder)): file.read_text() for file in sorted(self.folder.glob("tests/**/*.ts"))
        }

    @property
    def digest(self) -> str:
        """The same for the same files."""
        taken = hashlib.sha256()
        for file in sorted(self.folder.glob("*.ts")) + sorted(self.folder.glob("tests/**/*.ts")):
            taken.update(f"{file.relative_to(self.folder)}\0{file.read_text()}\0".encode())
        return taken.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the tests of a run ended, by file and title."""

    passed: frozenset[str]
    failed: frozenset[str]
    """Flaky ones too: retries are off."""
    set_up_failed: bool = False
    """Then no test that needs it has been run."""
    spans: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """When each test ran, in seconds since the epoch; ``SET_UP`` is whatever came before them."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Where each one stands: file and line."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """What those that failed said first."""


def _unrecorded(folder: Path) -> str:
    """The name of the suite's configuration but for what it records, which is written beside it."""
    own = next(file for file in sorted(folder.glob("playwright.config.*")))
    (folder / UNRECORDED).write_text(_WITHOUT_RECORDINGS.replace("NAME", own.stem))
    return UNRECORDED


async def run(
    suite: Suite,
    toolchain: Toolchain,
    url: str,
    *,
    workers: int = 1,
    stop_at_first: bool = False,
    only: Sequence[str] = (),
) -> Outcome:
    """Run a suite against an address, without retries and recordings. Raises SuiteBroken.

    ``only`` are places of tests, or whole files; all others are left out.
    """
    command = [
        *toolchain.command_playwright("test", *map(_pattern, only), "--reporter=json", "--retries=0"),
        *(f"--workers={workers}", f"--timeout={TEST_MS}", "--trace=off", *(["-x"] if stop_at_first else [])),
        f"--config={_unrecorded(suite.folder)}",
    ]
    toolchain.link(suite.folder)
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEST_", "AGENT_RUNTIME_"))
    } | {"BASE_URL": url, "PLAYWRIGHT_BROWSERS_PATH": str(toolchain.browsers_folder)}
    environment |= {"FORCE_COLOR": "0", **suite.environment}
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
    return outcome_of(report)


def _left_by_runs(_folder: str, names: list[str]) -> list[str]:
    return [
        name
        for name in names
        if name in {"node_modules", "artifacts", UNRECORDED} or (name.startswith(".") and name != ".agent-runtime")
    ]


def _pattern(place: str) -> str:
    file, colon, line = place.partition(":")
    return re.escape(file) + colon + line


def outcome_of(report: Mapping[str, Any]) -> Outcome:
    """How the tests of Playwright's JSON report ended. Raises SuiteBroken if none was begun."""
    passed, failed = set[str](), set[str]()
    spans: dict[str, tuple[float, float]] = {}
    places: dict[str, str] = {}
    errors: dict[str, str] = {}
    set_up_failed = False
    for name, spec in _specs(report.get("suites", ())):
        results = [result for test in spec["tests"] for result in test["results"]]
        if not {result["status"] for result in results} - {"skipped", "interrupted"}:
            continue
        begin = min(datetime.fromisoformat(result["startTime"]).timestamp() for result in results)
        span = begin, begin + sum(result["duration"] for result in results) / 1000
        if SET_UP in spec["file"]:
            spans[SET_UP] = span
            set_up_failed |= not spec["ok"]
        elif SEED not in spec["file"]:
            (passed if spec["ok"] else failed).add(name)
            spans[name], places[name] = span, f"{spec['file']}:{spec['line']}"
            said = [error.get("message", "") for result in results for error in result.get("errors", ())]
            if said and not spec["ok"]:
                errors[name] = said[0]
    broken = [error.get("message", "") for error in report.get("errors", ())]
    if broken and not passed and not failed and not set_up_failed:
        raise SuiteBroken("\n".join(broken)[-2000:])
    return Outcome(frozenset(passed), frozenset(failed), set_up_failed, spans, places, errors)


def _specs(suites: Any, above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for suite in suites:
        title = f"{above} > {suite['title']}" if above else _ORDER.sub("", suite["title"])
        yield from ((f"{title} > {spec['title']}", spec) for spec in suite.get("specs", ()))
        yield from _specs(suite.get("suites", ()), title)
