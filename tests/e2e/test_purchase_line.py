"""The explorer learns a whole purchase in a shop whose words, routes and prices it has not seen before."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from agent_runtime_server.adapters.explorer import protocol
from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.flow import Flow, Model
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.pipeline import PhaseInputs, PhaseKind
from agent_runtime_server.domain.task import ExploreOptions, SignIn, SignInMethod, TaskSpec, TaskType
from agent_runtime_server.ports import PhaseJob, PhaseReport
from agent_runtime_server.testing.asking import Answers, Tally
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop

pytestmark = pytest.mark.timeout(1200)
UNHURRIED = ExploreOptions(max_duration=timedelta(minutes=15))
"""What it learns must not depend on how busy the machine is."""


class Learnt:
    """What one exploration brought."""

    def __init__(self, report: PhaseReport, facts: list[Fact], workspace: Path) -> None:
        self.report = report
        self.log = [fact.message for fact in facts if isinstance(fact, LogEntry)]
        self.plan = (workspace / "specs/plan.md").read_text()
        self.model = msgspec.json.decode((workspace / "specs/model.json").read_bytes(), type=Model)

    def flows(self, tag: str) -> list[Flow]:
        """Flows with a tag."""
        return [flow for flow in self.model.flows if tag in flow.tags]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    workspace = tmp_path_factory.mktemp("workspace")
    facts: list[Fact] = []
    with Shop() as shop:
        spec = TaskSpec(
            TaskType.PLAN,
            shop.start(look=3, seed=5),
            "s",
            "explorer",
            instructions="Focus on login and checkout flows",
            sign_in=SignIn(SignInMethod.USERNAME_PASSWORD, CUSTOMER_EMAIL),
            explore=UNHURRIED,
        )
        job = PhaseJob(
            "t", PhaseKind.PLAN, spec, workspace, PhaseInputs(), Answers(), Tally(), password=CUSTOMER_PASSWORD
        )
        driver = ExplorerDriver(Path.cwd, os.environ)
        report = asyncio.run(driver.run(job, facts.append))
    return Learnt(report, facts, workspace)


def test_it_learns_enough(learnt: Learnt) -> None:
    assert learnt.report.failure is None
    assert len(learnt.model.flows) >= 14
    assert learnt.model.sign_in is not None


@pytest.mark.parametrize("tag", ["@auth", "@search", "@cart", "@checkout", "@negative"])
def test_every_area_has_flows(learnt: Learnt, tag: str) -> None:
    assert learnt.flows(tag), sorted({tag for flow in learnt.model.flows for tag in flow.tags})


def test_every_flow_has_a_proven_outcome(learnt: Learnt) -> None:
    for flow in learnt.model.flows:
        expectations = [expectation for step in flow.steps for expectation in step.expectations]
        assert any(expectation.outcome for expectation in expectations), flow.id
        assert all(expectation.proof for expectation in expectations), flow.id
    assert any(message.startswith("can fail: ") for message in learnt.log)


def test_the_plan_holds_every_flow_and_no_secret(learnt: Learnt) -> None:
    assert learnt.plan.count("**File:**") == len(learnt.model.flows)
    assert CUSTOMER_PASSWORD not in learnt.plan
    assert CUSTOMER_PASSWORD not in protocol.encode(learnt.model).decode()
