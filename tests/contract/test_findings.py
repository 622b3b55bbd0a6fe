"""What is wrong with an app is found, each fault once, and nothing else is told as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.flow import Model, Seen
from agent_runtime_server.domain.event import Fact, LogEntry
from agent_runtime_server.domain.results import Finding
from agent_runtime_server.domain.task import SignIn
from tests.apps.faulty_pages import ELSEWHERE, FAULTS, pages
from tests.apps.served import Served
from tests.contract.driver_fixtures import phase_job
from tests.contract.runner_fixtures import toolchain

pytestmark = pytest.mark.timeout(1200)


async def test_each_fault_is_found_once_and_nothing_else(tmp_path: Path) -> None:
    facts: list[Fact] = []
    with Served(pages()) as app:
        job = phase_job(tmp_path, max_duration="PT15M")
        spec = replace(job.spec, app_url=app.url, instructions="", sign_in=SignIn())
        driver = ExplorerDriver(Path.cwd, axe=toolchain().axe)
        report = await driver.run(replace(job, spec=spec, password=""), facts.append)
    assert report.failure is None
    model = msgspec.json.decode((tmp_path / "specs/model.json").read_bytes(), type=Model)
    found = [_named(finding) for finding in model.findings]
    assert sorted(found) == sorted(FAULTS)
    assert len([fact for fact in facts if isinstance(fact, Finding)]) == len(FAULTS)
    assert all(finding.url.startswith(app.url) and finding.steps for finding in model.findings)
    assert [finding.severity for finding in model.findings] == sorted(
        (finding.severity for finding in model.findings), key=["high", "medium", "low"].index
    )
    by_title = {finding.title: finding.steps for finding in model.findings}
    assert by_title["GET /team answers 404"] == ("Open /", "Click the link “Our team”")
    assert by_title["GET /thing/8 answers 404"] == ("Open /catalogue", "Click the link “Thing 8”")
    assert not [flow for flow in model.flows if "Join" in flow.title and "takes right data" in flow.title]
    logs = [fact.message for fact in facts if isinstance(fact, LogEntry)]
    (apart,) = [line for line in logs if line.startswith("what failed on other hosts")]
    assert ELSEWHERE in apart
    assert "http://localhost:" in apart


def _named(finding: Seen) -> tuple[str, str]:
    """Kind and title; of accessibility the rule, which stands last."""
    rule = finding.title.rpartition("(")[2].rstrip(")")
    return finding.kind, rule if finding.kind == "accessibility" else finding.title
