"""The OpenCode driver with nothing faked but the model: OpenCode, its sandbox, Playwright's tools, a browser, a shop.

One agent's process plans, writes a test, repairs it after it was broken, and follows an instruction. The story is
played once; each test looks at one side of what it left.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.set_up import ExplorerSetUp
from agent_runtime_server.adapters.gateway import ModelGateway
from agent_runtime_server.adapters.gateway.providers import OWN_KEY
from agent_runtime_server.adapters.opencode.binary import OpenCodeProgram
from agent_runtime_server.adapters.opencode.configuration import read_configuration
from agent_runtime_server.adapters.opencode.driver import OpenCodeDriver
from agent_runtime_server.adapters.opencode.sandbox import AgentSandbox
from agent_runtime_server.adapters.opencode.surroundings import Surroundings
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import Fact, FileChanged
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind, Question
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Location,
    Produced,
    RepairCause,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
)
from agent_runtime_server.domain.task import SignIn, SignInMethod, TaskSpec, TaskType
from agent_runtime_server.ports import Diagnosis, PhaseJob, PhaseReport, SetUp
from agent_runtime_server.testing.asking import Answers, Tally
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import toolchain
from tests.line.secrets import places_of

pytestmark = pytest.mark.timeout(900)

SCENARIOS = json.loads((Path(__file__).parent / "scenarios/search.json").read_text())
TEST = "tests/search/finds-a-product.spec.ts"
PROVIDER_KEY = "key-of-the-provider-2f7a91c4e6"
PLANNING, GENERATING, FIXING, CUSTOM = PhaseKind.PLAN, PhaseKind.GENERATE, PhaseKind.FIX, PhaseKind.CUSTOM
AGENTS = {PLANNING: "planner", GENERATING: "generator", FIXING: "fixer", CUSTOM: "custom"}
ALSO_OFFERED = {"edit": {"edit", "write"}}
"""Tools that OpenCode offers by a permission of another name."""


@dataclass
class Story:
    """What happened."""

    workspace: Path
    reports: dict[PhaseKind, PhaseReport] = field(default_factory=dict)
    facts: dict[PhaseKind, list[Fact]] = field(default_factory=dict)
    tests: dict[PhaseKind, str] = field(default_factory=dict)
    """The planned test after each phase."""
    tools: dict[PhaseKind, set[str]] = field(default_factory=dict)
    """What the model was offered."""
    questions: list[Question] = field(default_factory=list)
    meter: Tally = field(default_factory=Tally)
    trees: list[set[int]] = field(default_factory=list)
    """Our processes after each phase."""
    told: set[str] = field(default_factory=set)
    """Secrets that processes of the agent had, in their environment or their command lines."""
    left_running: set[int] = field(default_factory=set)
    left_behind: list[str] = field(default_factory=list)
    leaks: list[str] = field(default_factory=list)

    def calls(self, kind: PhaseKind, tool: str) -> list[ToolCall]:
        """How the calls of a tool ended."""
        told = [fact for fact in self.facts[kind] if isinstance(fact, ToolCall) and fact.tool.endswith(tool)]
        return [call for call in told if call.state is not ToolCallState.STARTED]

    def said(self, kind: PhaseKind) -> str:
        return "".join(fact.text for fact in self.facts[kind] if isinstance(fact, AgentMessage))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    return asyncio.run(_play(tmp_path_factory.mktemp("opencode")))


async def _play(folder: Path) -> Story:
    story = Story(folder / "workspace")
    earlier = {process.pid for process in _processes()}
    with Shop() as shop:
        async with ScriptedModel(SCENARIOS) as model, _driver(folder, "scripted/model-a", model) as driver:
            await _work(story, driver, shop.start(), folder / "state.json")
            story.tools = {kind: _offered(model, kind) for kind in AGENTS}
    story.left_running = {process.pid for process in _processes()} - earlier
    story.left_behind = [path.name for path in (folder / "agents").iterdir()]
    secrets = (PROVIDER_KEY, CUSTOMER_PASSWORD)
    story.leaks = [place for secret in secrets for place in places_of(secret, story.workspace)]
    return story


@asynccontextmanager
async def _driver(folder: Path, model_name: str, model: ScriptedModel) -> AsyncIterator[OpenCodeDriver]:
    """A driver as the server makes it; its agents are gone afterwards."""
    environment = {**os.environ, OWN_KEY: PROVIDER_KEY}
    program = OpenCodeProgram(toolchain(), environment)
    surroundings = Surroundings(
        toolchain(),
        program,
        AgentSandbox(program, toolchain(), environment),
        folder / "agents",
        watchdogs=Watchdogs(start_seconds=120, call_seconds=60, silence_seconds=300),
        environment=environment,
    )
    gateway = ModelGateway(environment, default_model=model_name, base_url=model.base_url)
    driver = OpenCodeDriver(gateway, surroundings, max_turns=20)
    try:
        yield driver
    finally:
        await driver.leave("task-1")
        await gateway.aclose()


async def _work(story: Story, driver: OpenCodeDriver, app_url: str, state: Path) -> None:
    (story.workspace / "tests").mkdir(parents=True)
    toolchain().link(story.workspace)
    explorer = ExplorerSetUp(ExplorerDriver(toolchain().browser))
    job = SetUp(story.workspace, app_url, CUSTOMER_EMAIL, CUSTOMER_PASSWORD, state)
    assert await explorer.set_up(job, lambda _: None) is None

    async def ask(question: Question) -> Answer:
        story.questions.append(question)
        story.told |= {secret for text in _texts_of_processes() for secret in _secrets_in(text)}
        return Answer(InputDecision.ALLOW_ONCE, resolver="user")

    for kind in AGENTS:
        if kind is FIXING:
            _break(story.workspace / TEST)
        spec = TaskSpec(
            TaskType.COMPLETE,
            app_url,
            "session-1",
            "opencode",
            instructions=f"[[{AGENTS[kind]}]] Only the search.",
            sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, CUSTOMER_EMAIL),
        )
        failing = (_failing(),) if kind is FIXING else ()
        job_of_phase = PhaseJob(
            *("task-1", kind, spec, story.workspace, PhaseInputs(), ask, story.meter),
            storage_state=state,
            failing=failing,
            round=len(failing),
        )
        facts = story.facts[kind] = []
        story.reports[kind] = await driver.run(job_of_phase, facts.append)
        story.tests[kind] = (story.workspace / TEST).read_text() if (story.workspace / TEST).exists() else ""
        story.trees.append({process.pid for process in _processes()})


def _break(test: Path) -> None:
    """As if the app's button had got another name."""
    test.write_text(test.read_text().replace("{ name: 'Search' }).click", "{ name: 'Find it' }).click"))


def _failing() -> TestCase:
    error = TestError("Error: locator.click: Test timeout exceeded.", location=Location(TEST, 8))
    attempt = TestAttempt(0, AttemptStatus.FAILED, datetime.now(UTC), timedelta(seconds=10), (error,))
    titles = (TEST, "Search", "Finds a product by its name")
    return TestCase("id-of-the-test", "chromium", titles, Location(TEST, 4), TestOutcome.UNEXPECTED, (attempt,))


def _offered(model: ScriptedModel, kind: PhaseKind) -> set[str]:
    return next(set(asked.tools) for asked in model.requests if asked.scenario == AGENTS[kind])


def _processes() -> Iterator[psutil.Process]:
    """What we have started, but for the shop."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "tests.apps.shop" not in process.cmdline():
                yield process


def _texts_of_processes() -> Iterator[str]:
    for process in _processes():
        with suppress(psutil.Error):
            yield " ".join((*process.cmdline(), *process.environ().values()))


def _secrets_in(text: str) -> list[str]:
    return [secret for secret in (PROVIDER_KEY, CUSTOMER_PASSWORD) if secret in text]


def test_every_phase_ends_well(story: Story) -> None:
    assert {kind: report.failure for kind, report in story.reports.items()} == dict.fromkeys(AGENTS)


def test_one_process_does_all_phases_and_then_is_gone(story: Story) -> None:
    first, *others = story.trees
    assert first
    assert all(first & other for other in others)
    assert story.left_running == set()
    assert story.left_behind == []


def test_each_agent_is_offered_the_tools_that_its_configuration_allows_and_no_others(story: Story) -> None:
    for kind, name in AGENTS.items():
        permissions = read_configuration()["agent"][name]["permission"]
        allowed = {tool for tool, permission in permissions.items() if permission != "deny" and tool != "*"}
        assert story.tools[kind] == {tool for one in allowed for tool in ALSO_OFFERED.get(one, {one})}, name


def test_the_planner_explores_signed_in_and_saves_a_plan(story: Story) -> None:
    assert "Sign out" in story.calls(PLANNING, "planner_setup_page")[0].output
    assert story.calls(PLANNING, "browser_type")[0].state is ToolCallState.SUCCEEDED
    assert "1 tests planned in 1 suites, with 2 expectations." in story.reports[PLANNING].summary_markdown
    assert Produced(ArtifactKind.PLAN, "specs/plan.md", "text/markdown") in story.facts[PLANNING]
    assert "#### 1.1. Finds a product by its name" in (story.workspace / "specs/plan.md").read_text()


def test_the_generator_acts_the_test_out_and_writes_it(story: Story) -> None:
    assert story.reports[GENERATING].test_paths == (TEST,)
    assert story.calls(GENERATING, "browser_verify_element_visible")[0].state is ToolCallState.SUCCEEDED
    assert "getByRole('searchbox'" in story.calls(GENERATING, "generator_read_log")[0].output
    assert TEST in [fact.path for fact in story.facts[GENERATING] if isinstance(fact, FileChanged)]


def test_the_fixer_repairs_the_test_and_nothing_else(story: Story) -> None:
    forbidden, repaired = story.calls(FIXING, "edit")
    assert forbidden.state is ToolCallState.DENIED
    assert "60_000" not in (story.workspace / "playwright.config.ts").read_text()
    assert repaired.state is ToolCallState.SUCCEEDED
    assert "1 passed" in story.calls(FIXING, "test_run")[0].output
    assert story.tests[FIXING] == story.tests[GENERATING] != ""
    diagnosis = Diagnosis(
        "id-of-the-test", RepairCause.LOCATOR, "The button is called Search; the test looked for Find it."
    )
    assert story.reports[FIXING].diagnoses == (diagnosis,)


def test_a_command_of_the_shell_is_asked_for_and_what_it_writes_is_told(story: Story) -> None:
    (question,) = story.questions
    assert question.kind is InputKind.PERMISSION
    assert question.argument.startswith("printf")
    assert {fact.path for fact in story.facts[CUSTOM] if isinstance(fact, FileChanged)} == {
        "notes.txt",
        "tests/search/own.spec.ts",
    }
    assert story.reports[CUSTOM].test_paths == ("tests/search/own.spec.ts",)
    assert story.reports[CUSTOM].summary_markdown == "I wrote a note and a test."


def test_what_the_agents_say_is_told_and_kept(story: Story) -> None:
    for kind in AGENTS:
        assert SCENARIOS[AGENTS[kind]][-1]["text"] in story.said(kind)
        produced = [fact for fact in story.facts[kind] if isinstance(fact, Produced)]
        (transcript,) = [fact.path for fact in produced if fact.kind is ArtifactKind.TRANSCRIPT]
        lines = [json.loads(line) for line in (story.workspace / transcript).read_text().splitlines()]
        assert f"[[{AGENTS[kind]}]]" in json.dumps(lines)


def test_every_call_of_the_model_is_metered(story: Story) -> None:
    assert len(story.meter.calls) == sum(map(len, SCENARIOS.values()))
    assert {usage.model for usage in story.meter.calls} == {"scripted/model-a"}
    assert all(usage.input_tokens and usage.output_tokens for usage in story.meter.calls)


def test_keys_and_passwords_are_with_no_process_and_in_no_file_of_the_agent(story: Story) -> None:
    assert story.told == set()
    assert story.leaks == []


def test_the_workspace_has_a_readable_copy_of_the_configuration(story: Story) -> None:
    copy = json.loads((story.workspace / "opencode.json").read_text())
    assert copy["model"] == "runtime/model-a"
    assert copy["agent"]["fixer"]["prompt"] == read_configuration()["agent"]["fixer"]["prompt"]
    assert copy["provider"]["runtime"]["options"]["apiKey"] == "{env:AGENT_RUNTIME_MODEL_TOKEN}"


async def test_a_provider_that_speaks_anthropics_format_is_as_good(tmp_path: Path) -> None:
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    toolchain().link(workspace)
    answers = Answers(Answer(InputDecision.ALLOW_ONCE))
    spec = TaskSpec(TaskType.CUSTOM, "http://127.0.0.1:1/", "session-1", "opencode", instructions="[[custom]] Go on.")
    job = PhaseJob("task-1", CUSTOM, spec, workspace, PhaseInputs(), answers, Tally())
    async with ScriptedModel(SCENARIOS) as model, _driver(tmp_path, "anthropic/model-b", model) as driver:
        report = await driver.run(job, lambda _: None)
        assert {asked.path for asked in model.requests} == {"/v1/messages"}
        assert {asked.headers["x-api-key"] for asked in model.requests} == {PROVIDER_KEY}
    assert report == PhaseReport(
        summary_markdown="I wrote a note and a test.", test_paths=("tests/search/own.spec.ts",)
    )
