"""The whole line with nothing faked: a server started by its command line, a shop, a browser, and a suite that runs.

The story is played once; each test looks at one side of what it left.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import re
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import duration_pb2

from agent_runtime.v1 import artifact_pb2, task_pb2, test_result_pb2
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import toolchain
from tests.line.secrets import places_of
from tests.line.support import COMPLETE, RUN, SIGN_IN, Followed, artifacts, carry_out, dead_app, results, server

pytestmark = pytest.mark.timeout(1800)

UNHURRIED = duration_pb2.Duration(seconds=900)
"""What it learns must not depend on how busy the machine is."""
SHORT = {
    "instructions": "Only sign in and search",
    "explore": task_pb2.ExploreOptions(max_states=10, max_duration=UNHURRIED),
}
SECONDS = 900
FOUND = re.compile(r"can fail: “(?P<expectation>.*?)” — without (?P<action>.+?): (?P<failure>.+)", re.DOTALL)
SCENARIO = re.compile(
    r"#### \d+\.\d+\. (?P<title>.+)\n\n\*\*File:\*\* `(?P<file>tests/[\w/.-]+\.spec\.ts)`\n\n\*\*Steps:\*\*\n"
    r"(?P<steps>(?:  \d+\. .+\n(?:    - expect: .+\n)*)+)"
)
Kinds = artifact_pb2.ArtifactKind


@dataclass
class Story:
    """What happened."""

    healthy: Followed
    faulty: Followed
    dead: Followed
    artifacts: list[artifact_pb2.Artifact]
    results: list[test_result_pb2.TestCase]
    read: dict[str, bytes]
    """Content of some artifacts, by id, as it was streamed."""
    leaks: list[str]
    """Files that held the password."""
    workspace: Path
    left_running: dict[int, str]
    exit_code: int
    left_at_end: dict[int, str]

    @property
    def plan(self) -> str:
        return (self.workspace / "specs/plan.md").read_text()

    def kept(self, kind: artifact_pb2.ArtifactKind.ValueType) -> list[artifact_pb2.Artifact]:
        """The artifacts of a kind."""
        return [artifact for artifact in self.artifacts if artifact.kind == kind]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A suite made on a healthy shop, run again on one with a fault, and on one that is not there."""
    return asyncio.run(_play(tmp_path_factory.mktemp("line")))


async def _play(folder: Path) -> Story:
    with server(folder) as running, Shop() as shop:
        async with running.client() as client:
            healthy = await carry_out(client, COMPLETE, shop.start(), SECONDS, **SHORT, **SIGN_IN)
            assert healthy.verdict == "COMPLETED PASSED", healthy.trouble()
            listed = await artifacts(client, healthy.id)
            tests = await results(client, healthy.id)
            read = {}
            for kind in (Kinds.ARTIFACT_KIND_VIDEO, Kinds.ARTIFACT_KIND_TRACE):
                artifact = next(artifact for artifact in listed if artifact.kind == kind)
                chunks = [chunk async for chunk in client.read_artifact(healthy.id, artifact.id)]
                assert chunks[0].sha256 == artifact.sha256
                read[artifact.id] = b"".join(chunk.data for chunk in chunks)
            again = {"session_id": healthy.task.session_id, **SIGN_IN}
            search = task_pb2.TestRunOptions(test_paths=["tests/search"])
            faulty = await carry_out(client, RUN, shop.start(["broken-search"]), SECONDS, run=search, **again)
            dead = await carry_out(client, RUN, dead_app(), SECONDS, **again)
        left_running = running.started()
        code = running.stop()
        return Story(
            healthy,
            faulty,
            dead,
            listed,
            tests,
            read,
            places_of(CUSTOMER_PASSWORD, folder),
            running.workspaces / healthy.task.session_id,
            left_running,
            code,
            running.started(),
        )


@pytest.fixture(scope="module")
def shop_url() -> Iterator[str]:
    """A healthy shop after the story."""
    with Shop() as shop:
        yield shop.start()


def test_its_suite_passes(story: Story) -> None:
    summary = story.healthy.task.result.summary
    assert summary.total == summary.expected == len(story.results) >= 4
    assert len(story.healthy.task.result.test_paths) == summary.total


def test_the_plan_has_the_format_of_playwrights_planner(story: Story) -> None:
    lines = story.plan.splitlines()
    assert re.fullmatch(r"# \S.*", lines[0])
    assert [line for line in lines if line.startswith("## ")][:2] == ["## Application Overview", "## Test Scenarios"]
    suites = [line for line in lines if line.startswith("### ")]
    assert [suite.split()[1] for suite in suites] == [f"{number}." for number in range(1, len(suites) + 1)]
    assert lines.count("**Seed:** `tests/seed.spec.ts`") == len(suites) >= 2
    scenarios = list(SCENARIO.finditer(story.plan))
    assert len(scenarios) == sum(line.startswith("#### ") for line in lines)
    assert {scenario["file"] for scenario in scenarios} == set(story.healthy.task.result.test_paths)
    assert all("- expect: " in scenario["steps"] for scenario in scenarios)


def test_each_expectation_was_seen_to_fail(story: Story) -> None:
    seen = {" ".join(found["expectation"].split()) for log in story.healthy.logs if (found := FOUND.fullmatch(log))}
    planned = set(re.findall(r"    - expect: (.+)", story.plan))
    assert planned
    assert planned <= seen


def test_events_are_dense(story: Story) -> None:
    for followed in (story.healthy, story.faulty, story.dead):
        assert [event.sequence for event in followed.events] == list(range(1, followed.task.sequence + 1))


def test_it_is_watched_live(story: Story) -> None:
    assert max(story.healthy.delays) < story.healthy.seconds / 3
    phases = Counter((event.phase, event.WhichOneof("payload")) for event in story.healthy.events)
    for phase in ("PLANNING", "GENERATING_TESTS", "RUNNING_TESTS"):
        for payload in ("phase_change", "progress", "log"):
            assert phases[task_pb2.TaskPhase.Value(f"TASK_PHASE_{phase}"), payload], (phase, payload)
    activities = " | ".join(story.healthy.activities)
    assert "Exploring /" in activities
    assert "Trying: " in activities


def test_everything_it_made_is_listed(story: Story) -> None:
    assert {artifact.path for artifact in story.kept(Kinds.ARTIFACT_KIND_PLAN)} == {"specs/plan.md"}
    assert {artifact.path for artifact in story.kept(Kinds.ARTIFACT_KIND_APP_MODEL)} == {"specs/model.json"}
    sources = {artifact.path for artifact in story.kept(Kinds.ARTIFACT_KIND_TEST_SOURCE)}
    assert sources == set(story.healthy.task.result.test_paths)
    (report,) = story.kept(Kinds.ARTIFACT_KIND_REPORT)
    assert (report.media_type, report.round) == ("application/zip", 1)
    assert report.id == story.healthy.task.result.report_artifact_id
    assert len(story.kept(Kinds.ARTIFACT_KIND_JUNIT)) == 1
    ids = {test.id for test in story.results}
    for kind in (Kinds.ARTIFACT_KIND_VIDEO, Kinds.ARTIFACT_KIND_TRACE, Kinds.ARTIFACT_KIND_SCREENSHOT):
        assert ids <= {artifact.test_id for artifact in story.kept(kind)}, Kinds.Name(kind)


def test_artifacts_are_read_back_whole(story: Story) -> None:
    by_id = {artifact.id: artifact for artifact in story.artifacts}
    for name, content in story.read.items():
        assert hashlib.sha256(content).hexdigest() == by_id[name].sha256
        assert len(content) == by_id[name].size_bytes
    video, trace = story.read.values()
    assert video.startswith(b"\x1a\x45\xdf\xa3")
    assert "test.trace" in zipfile.ZipFile(io.BytesIO(trace)).namelist()


def test_results_tell_of_attempts_and_steps(story: Story) -> None:
    kept = {artifact.id for artifact in story.artifacts}
    for test in story.results:
        assert test.outcome == test_result_pb2.TEST_OUTCOME_EXPECTED
        (attempt,) = test.attempts
        assert attempt.status == test_result_pb2.TEST_ATTEMPT_STATUS_PASSED
        assert {"test.step", "expect"} <= {step.category for step in attempt.steps}
        assert attempt.artifact_ids
        assert set(attempt.artifact_ids) <= kept


@pytest.mark.parametrize(
    "command",
    [["tsc", "--noEmit"], ["eslint", "--max-warnings", "0", "."]],
    ids=["tsc", "eslint"],
)
def test_its_sources_are_clean(story: Story, command: list[str]) -> None:
    done = _by_hand(story, *command)
    assert done.returncode == 0, done.stdout


def test_a_person_can_run_it(story: Story, shop_url: str) -> None:
    path = next(path for path in story.healthy.task.result.test_paths if "sign-in" in path)
    signing_in = {"BASE_URL": shop_url, "TEST_USERNAME": CUSTOMER_EMAIL, "TEST_PASSWORD": CUSTOMER_PASSWORD}
    done = _by_hand(story, "playwright", "test", path, **signing_in)
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


def _by_hand(story: Story, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join((str(toolchain().directory / "bin"), os.environ["PATH"]))
    return subprocess.run(
        ["npx", "--no-install", *command],
        cwd=story.workspace,
        env={**os.environ, "PATH": path, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_password_is_nowhere(story: Story) -> None:
    told = [event.SerializeToString() for task in (story.healthy, story.faulty, story.dead) for event in task.events]
    assert not any(CUSTOMER_PASSWORD.encode() in event for event in told)
    assert story.leaks == []


def test_a_fault_makes_the_suite_fail_not_the_task(story: Story) -> None:
    assert story.faulty.verdict == "COMPLETED FAILED", story.faulty.trouble()
    last = {event.test.id: event.test for event in story.faulty.events if event.HasField("test")}
    failed = [test for test in last.values() if test.outcome == test_result_pb2.TEST_OUTCOME_UNEXPECTED]
    assert failed
    assert all(test.attempts[-1].errors[0].message for test in failed)
    assert all(test.location.path.startswith("tests/search/") for test in last.values() if test.project == "chromium")


def test_an_app_that_is_not_there_fails_the_task(story: Story) -> None:
    assert story.dead.verdict == "FAILED APP_UNREACHABLE", story.dead.trouble()
    assert not any(event.HasField("test") for event in story.dead.events)


def test_nothing_is_left_running(story: Story) -> None:
    assert story.left_running == {}
    assert story.exit_code == 0
    assert story.left_at_end == {}
