"""A driver and a runner that have something to show: what a task's page is looked at with."""

from __future__ import annotations

import asyncio
import struct
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import LogEntry, LogLevel, LogSource, PhaseChanged
from agent_runtime_server.domain.inputs import Answer, Question
from agent_runtime_server.domain.pipeline import PhaseKind
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Finding,
    FindingKind,
    Location,
    Produced,
    Severity,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestStep,
    TestSummary,
    test_id,
)
from agent_runtime_server.domain.task import Phase, Progress
from agent_runtime_server.domain.usage import ModelUsage
from agent_runtime_server.ports import Availability, Emit, PhaseJob, PhaseReport, RunJob, TestReport
from agent_runtime_server.testing.driver import ScriptedDriver

PLAN_PATH = "specs/plan.md"
PLAN = """# Plan for the shop

Three flows are proven. <script>document.title = "taken over"</script>

## Signing in

1. Open **Sign in**, and fill in `email` and `password`
2. Submit: the account's name is shown

| what | expected |
| --- | --- |
| right password | the account |
| wrong password | an alert |

[The shop](http://app.test/) [not a link](javascript:alert(1))
![a picture](http://elsewhere.test/picture.png)

- [x] proven twice
- [ ] left out: delivery dates change from day to day
"""
SPEC = "tests/cart.spec.ts"
SHOT = "artifacts/run-1/test-results/cart/test-failed-1.png"
TITLES = (
    "adds a product to the cart",
    "keeps the cart when signed in",
    "totals the cart with delivery",
    "empties the cart",
)
FAILING = TITLES[2]
ERROR = (
    "Error: \x1b[2mexpect(\x1b[22mlocator\x1b[2m).\x1b[22mtoHaveText\n\n"
    'Expected: \x1b[32m"31.40"\x1b[39m\nReceived: \x1b[31m"29.90"\x1b[39m'
)
SNIPPET = (
    "  12 |   await cart.open();\n> 13 |   await expect(total).toHaveText('31.40');\n     |           ^\n  14 | });"
)


def log(message: str, level: LogLevel = LogLevel.INFO, source: LogSource = LogSource.AGENT) -> LogEntry:
    """A line of the log, of now."""
    return LogEntry(datetime.now(UTC), level, source, message)


def picture(width: int = 640, height: int = 360, shade: int = 0xE8) -> bytes:
    """A PNG of one shade."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = (b"\0" + bytes([shade]) * width) * height
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


class Storyteller(ScriptedDriver):
    """Explores with findings and a plan, speaks like a model, and asks its question if it has one.

    Planning ends when ``go_on`` is set, as it is at first.
    """

    def __init__(self, question: Question | None = None) -> None:
        super().__init__(reports={PhaseKind.GENERATE: PhaseReport(test_paths=(SPEC,))}, name="explorer")
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.question = question
        self.answers: list[Answer] = []
        self.emit: Emit | None = None
        """How to tell more while it waits."""

    async def run(self, job: PhaseJob, emit: Emit) -> PhaseReport:
        """Tell the story of the phase."""
        if job.kind is PhaseKind.PLAN:
            await self._plan(job, emit)
        elif job.kind is PhaseKind.GENERATE:
            write(job.workspace / SPEC, "import { test } from '@playwright/test';\n")
            emit(Produced(ArtifactKind.TEST_SOURCE, SPEC, "text/plain"))
        report = await super().run(job, emit)
        if job.kind is PhaseKind.PLAN:
            return PhaseReport(summary_markdown="Explored **12 states** of the shop; three flows are proven.")
        return report

    async def _plan(self, job: PhaseJob, emit: Emit) -> None:
        self.emit = emit
        emit(PhaseChanged(Phase.PLANNING, Phase.PLANNING, "exploring /cart"))
        emit(Progress(7, 12, "state"))
        emit(log("GET / 200, 14 controls"))
        emit(log("a control without a name on /cart", LogLevel.WARNING))
        emit(log("GET /receipts/9 500", LogLevel.ERROR))
        steps = ("Open /receipts", "Choose the newest one")
        emit(
            Finding(
                "f1",
                FindingKind.SERVER_ERROR,
                Severity.HIGH,
                "http://app.test/receipts/9",
                "A receipt answers 500",
                steps,
            )
        )
        emit(Finding("f2", FindingKind.BROKEN_LINK, Severity.LOW, "http://app.test/help", "Help leads nowhere"))
        emit(AgentMessage("m1", "planner", "The cart **keeps** its lines; I look at ", final=False))
        emit(AgentMessage("m1", "planner", "the totals next.", final=True))
        call = ToolCall("c1", "browser_click", ToolCallState.STARTED, "Click Checkout", {"ref": "e12"})
        emit(call)
        emit(
            ToolCall(
                "c1",
                call.tool,
                ToolCallState.SUCCEEDED,
                call.title,
                call.arguments,
                '- heading "Checkout"',
                timedelta(seconds=1.2),
            )
        )
        emit(ModelUsage("scripted/large", 5200, 310, requests=2))
        if self.question is not None:
            self.answers.append(await job.ask(self.question))
        write(job.workspace / PLAN_PATH, PLAN)
        emit(Produced(ArtifactKind.PLAN, PLAN_PATH, "text/markdown"))
        await self.go_on.wait()


class Suite:
    """A runner of four tests, one of which fails twice and has a screenshot."""

    def availability(self) -> Availability:
        """Always available."""
        return Availability(True, "1")

    async def check(self, workspace: Path) -> list[str]:
        """Nothing is wrong."""
        del workspace
        return []

    async def run(self, job: RunJob, emit: Emit) -> TestReport:
        """Tell of each test; runs that are not recorded check that the suite is steady."""
        if not job.record:
            steady = tuple(_case(title, number, ()) for number, title in enumerate(TITLES))
            return TestReport(TestSummary(len(TITLES), len(TITLES)), tests=steady)
        write(job.workspace / SHOT, picture())
        cases = []
        for number, title in enumerate(TITLES):
            emit(log(f"[chromium] {SPEC} {title}", source=LogSource.TEST_RUNNER))
            case = _case(title, number, (FAILING,))
            cases.append(case)
            emit(case)
            emit(Progress(number + 1, len(TITLES), "test"))
        emit(Produced(ArtifactKind.SCREENSHOT, SHOT, "image/png", test_id=cases[2].id, round=1))
        return TestReport(TestSummary(4, 3, 1, 0, 0, timedelta(seconds=9.3)), tests=tuple(cases))


def _case(title: str, number: int, failing: tuple[str, ...]) -> TestCase:
    titles = ("cart.spec.ts", "Cart", title)
    failed = title in failing
    error = TestError(ERROR, "at tests/cart.spec.ts:13:23", Location(SPEC, 13, 23), SNIPPET)
    status = AttemptStatus.FAILED if failed else AttemptStatus.PASSED
    steps = (
        TestStep("Before Hooks", "hook", timedelta(seconds=0.4)),
        TestStep("page.goto(/cart)", "pw:api", timedelta(seconds=0.3)),
        TestStep("expect.toHaveText", "expect", timedelta(seconds=1), ERROR if failed else ""),
    )
    shots = (SHOT,) if failed else ()
    attempts = tuple(
        TestAttempt(
            retry, status, datetime.now(UTC), timedelta(seconds=1.7 + number), (error,) if failed else (), steps, shots
        )
        for retry in range(2 if failed else 1)
    )
    outcome = TestOutcome.UNEXPECTED if failed else TestOutcome.EXPECTED
    return TestCase(
        test_id("chromium", titles), "chromium", titles, Location(SPEC, 5 + 8 * number), outcome, attempts, ("@cart",)
    )


def write(file: Path, content: str | bytes) -> None:
    """Write a file and its folders."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
