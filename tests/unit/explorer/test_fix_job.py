"""What a repair of a test changes in the flow that the next ``generate`` prints."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import fix_job
from agent_runtime_server.adapters.explorer.fix_job import _repaired
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Step
from agent_runtime_server.adapters.explorer.language import Goto, IsVisible, Locator
from agent_runtime_server.adapters.explorer.plan_text import print_plan
from agent_runtime_server.adapters.explorer.protocol import Done, Failing, Job, Line
from agent_runtime_server.adapters.explorer.test_file import path_of
from tests.apps.served import Served
from tests.unit.explorer.samples import MODEL, SEARCH


def test_steps_of_the_same_title_each_get_their_own_repair() -> None:
    def flow(*names: str) -> Flow:
        seen = [Expectation(IsVisible(Locator(by="role", value="button", name=name)), "it is there") for name in names]
        return Flow("a", "A", "A", tuple(Step("Open / again", (Goto("/"),), (each,)) for each in seen))

    old, new = flow("Save", "Send"), flow("Keep", "Post")
    assert _repaired(old, path_of(old), new).steps == new.steps
    assert _repaired(old, "tests/a/other.spec.ts", new) == old


@pytest.mark.parametrize(("known", "new"), [(False, True), (True, False)])
async def test_an_app_that_lets_nobody_in_any_more_is_planned_anew(tmp_path: Path, known: bool, new: bool) -> None:
    model = replace(MODEL, flows=(SEARCH,), sign_in=None, http_basic=known)
    specs = tmp_path / "specs"
    specs.mkdir()
    (specs / "plan.md").write_text(print_plan(model))
    (specs / "model.json").write_bytes(msgspec.json.encode(model))
    failing = (Failing(id="search", path=path_of(SEARCH), error="expected a heading"),)
    lines: list[Line] = []
    with Served({"/": "<h1>House</h1>"}, "ada:lets-her-in") as app:
        job = Job(
            kind="fix",
            app_url=app.url,
            workspace=str(tmp_path),
            failing=failing,
            username="ada",
            password="lets-her-in",
        )
        await fix_job.run(job, lines.append)
    done = lines[-1]
    assert isinstance(done, Done)
    [diagnosis] = done.diagnoses
    assert (fix_job.NEW_GATE in diagnosis.explanation) == new
    assert not done.test_paths
