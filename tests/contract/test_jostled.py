"""An app that cannot be asked for two things at once: it is not blamed, and its tests never run side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.flow import Model
from agent_runtime_server.domain.pipeline import PhaseKind
from tests.apps.jostled import Jostled
from tests.apps.served import Served
from tests.contract.driver_fixtures import phase_job

pytestmark = pytest.mark.timeout(1200)


async def test_an_app_that_stumbles_over_company_is_tested_alone(tmp_path: Path) -> None:
    app = Jostled()
    with Served(app.pages) as pages:
        job = phase_job(tmp_path, max_duration="PT15M")
        spec = replace(job.spec, app_url=pages.url, instructions="")
        driver = ExplorerDriver(Path.cwd)
        planned = await driver.run(replace(job, spec=spec), lambda _: None)
        written = await driver.run(replace(job, spec=spec, kind=PhaseKind.GENERATE), lambda _: None)
    assert planned.failure is None
    assert written.failure is None
    assert app.failures > 0
    model = msgspec.json.decode((tmp_path / "specs/model.json").read_bytes(), type=Model)
    assert model.one_at_a_time
    assert model.findings == ()
    assert "form-come-in" in {flow.id for flow in model.flows}
    assert not [each for each in model.skipped if "error" in each.why]
    assert "at the same time: the tests\n  run one after the other" in (tmp_path / "specs/plan.md").read_text()
    chromium = (tmp_path / "playwright.config.ts").read_text().partition("name: 'chromium'")[2]
    assert "workers: 1," in chromium
