"""Pages that the explorer cannot understand: it says so, tests no more than that they open, and sends nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.flow import Model
from agent_runtime_server.domain.event import Fact, LogEntry
from tests.apps.hard_pages import PAGES
from tests.apps.served import Served
from tests.contract.driver_fixtures import phase_job

pytestmark = pytest.mark.timeout(1200)

REASONS = {
    "the drawing on /sketch": "drawn on a canvas",
    "what is inside <sound-player> on /player: “Volume”, “Louder”": "closed shadow root",
    "the form “Log in” on /login": "captcha",
    "the form “Join” on /join": "captcha",
    "the form “Write to us” on /contact": "captcha",
    "moving “Paint the fence”, “Mow the lawn”, “Plant the tree” on /board": "dragging",
}


async def test_what_it_cannot_understand_it_says_and_leaves_alone(tmp_path: Path) -> None:
    facts: list[Fact] = []
    with Served(PAGES) as pages:
        job = phase_job(tmp_path, max_duration="PT15M")
        spec = replace(job.spec, app_url=pages.url, instructions="")
        report = await ExplorerDriver(Path.cwd).run(replace(job, spec=spec), facts.append)
    assert report.failure is None
    assert pages.sent == []
    model = msgspec.json.decode((tmp_path / "specs/model.json").read_bytes(), type=Model)
    assert model.findings == ()
    told = {skipped.what: skipped.why for skipped in model.skipped}
    assert told.keys() == REASONS.keys()
    assert all(reason in told[what] for what, reason in REASONS.items())
    assert {"Pages", "Navigation"} == {flow.suite for flow in model.flows}
    opened = [flow for flow in model.flows if flow.id.startswith("opens-")]
    assert len(opened) == len(PAGES)
    plan = (tmp_path / "specs/plan.md").read_text()
    left_out = plan.partition("## Not covered and why\n")[2].partition("\n## ")[0]
    logs = [fact.message for fact in facts if isinstance(fact, LogEntry)]
    for what, why in told.items():
        assert f"- {what}: {why}\n" in left_out
        assert f"cannot cover {what}: {why}" in logs
    assert "the form to sign in asks for a captcha: the credentials are not used" in logs
