"""What every set-up of a suite does, and how the explorer's tests start signed in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent_runtime_server.adapters.explorer.driver import ExplorerDriver
from agent_runtime_server.adapters.explorer.set_up import ExplorerSetUp
from agent_runtime_server.domain.event import Fact, FileChanged, LogEntry, LogLevel
from agent_runtime_server.domain.task import FailureReason
from agent_runtime_server.ports import SetUp, SuiteSetUp
from agent_runtime_server.testing.set_up import ScriptedSetUp
from tests.apps.served import Served
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_PASSWORD
from tests.apps.shop.launch import Shop
from tests.contract.runner_fixtures import IMPORT, outcomes, real, run_job, workspace
from tests.unit.explorer.site import serve

pytestmark = pytest.mark.timeout(300)

NOBODY = "http://127.0.0.1:1/"


@contextmanager
def _shop() -> Iterator[str]:
    with Shop() as shop:
        yield shop.start()


@dataclass(frozen=True)
class Kind:
    """A way to set up, and an app whose only customer it can sign in."""

    make: Callable[[], SuiteSetUp]
    app: Callable[[], AbstractContextManager[str]]


SCRIPTED = Kind(lambda: ScriptedSetUp(CUSTOMER_PASSWORD, {NOBODY}), lambda: nullcontext("http://app.test/"))
EXPLORER = Kind(lambda: ExplorerSetUp(ExplorerDriver(Path.cwd)), _shop)


@pytest.fixture(params=[SCRIPTED, EXPLORER], ids=["scripted", "explorer"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


@pytest.fixture
def job(tmp_path: Path) -> SetUp:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return SetUp(folder, "", CUSTOMER_EMAIL, CUSTOMER_PASSWORD, tmp_path / "state.json")


def state_of(job: SetUp) -> Path:
    assert job.storage_state is not None
    return job.storage_state


async def test_makes_ready_and_signs_in_and_the_second_time_writes_nothing(kind: Kind, job: SetUp) -> None:
    facts: list[Fact] = []
    with kind.app() as url:
        job = replace(job, app_url=url)
        assert await kind.make().set_up(job, facts.append) is None
        told = {fact.path for fact in facts if isinstance(fact, FileChanged)}
        assert {"playwright.config.ts", "tests/seed.spec.ts"} <= told
        assert told == {path.relative_to(job.workspace).as_posix() for path in job.workspace.rglob("*.*")}
        state_of(job).unlink()
        again: list[Fact] = []
        assert await kind.make().set_up(job, again.append) is None
    assert not [fact for fact in again if isinstance(fact, FileChanged)]
    state = state_of(job)
    assert state.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(state.read_bytes())) == {"cookies", "origins"}
    assert [path.name for path in state.parent.iterdir()] in (["workspace", "state.json"], ["state.json", "workspace"])


async def test_nobody_signs_in_without_a_name(kind: Kind, job: SetUp) -> None:
    assert await kind.make().set_up(replace(job, app_url=NOBODY, username="", password=""), lambda _: None) is None
    assert (job.workspace / "playwright.config.ts").exists()
    assert not state_of(job).exists()


async def test_a_wrong_password_is_sign_in_failed(kind: Kind, job: SetUp) -> None:
    with kind.app() as url:
        failure = await kind.make().set_up(replace(job, app_url=url, password="wrong"), lambda _: None)
    assert failure is not None
    assert (failure.reason, failure.retryable) == (FailureReason.SIGN_IN_FAILED, False)
    assert not state_of(job).exists()


async def test_an_app_that_is_not_there_is_unreachable(kind: Kind, job: SetUp) -> None:
    failure = await kind.make().set_up(replace(job, app_url=NOBODY), lambda _: None)
    assert failure is not None
    assert failure.reason is FailureReason.APP_UNREACHABLE


async def test_a_persons_suite_stays_as_it_is(kind: Kind, job: SetUp) -> None:
    own = job.workspace / "playwright.config.mjs"
    own.write_text("export default {};")
    with kind.app() as url:
        assert await kind.make().set_up(replace(job, app_url=url), lambda _: None) is None
    assert [path.name for path in job.workspace.iterdir()] == [own.name]
    assert own.read_text() == "export default {};"
    assert state_of(job).exists()


# --- the explorer's --------------------------------------------------------------------------------------------------


SIGNED_IN = """
test('starts signed in', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible();
});
"""
TESTS = {
    "tests/plain.spec.ts": IMPORT + SIGNED_IN,
    "tests/fixtures.spec.ts": "import { test, expect } from './fixtures';\n" + SIGNED_IN,
    "tests/stranger.spec.ts": IMPORT
    + """
test.use({ storageState: { cookies: [], origins: [] } });
test('starts as a stranger', async ({ page }) => {
  await page.goto('/');
  await expect(page.getByRole('link', { name: 'Sign in' })).toBeVisible();
});
""",
}


async def test_tests_start_signed_in_with_a_password_and_with_a_state_alone(job: SetUp) -> None:
    """The runner has the password, an agent's browser has the state."""
    with _shop() as url:
        job = replace(job, app_url=url)
        assert await EXPLORER.make().set_up(job, lambda _: None) is None
        folder = workspace(job.workspace, TESTS)
        assert await real().check(folder) == []
        reports = []
        for environment in (
            {"TEST_USERNAME": CUSTOMER_EMAIL, "TEST_PASSWORD": CUSTOMER_PASSWORD},
            {"STORAGE_STATE": str(state_of(job))},
        ):
            run = replace(run_job(folder, url), environment=environment)
            reports.append(await real().run(run, lambda _: None))
    for report in reports:
        assert report.failure is None
        assert (report.summary.total, report.summary.expected) == (3, 3), outcomes(report)


FORGETFUL = """<h1>Notes</h1><form onsubmit="event.preventDefault(); document.body.innerHTML =
  '<h1>Hello</h1><button>Sign out</button>'"><label>Name <input name=name></label>
<label>Password <input type=password name=password></label><button>Sign in</button></form>"""


@pytest.mark.parametrize(
    ("page", "warning"),
    [
        ("<h1>Hello</h1><a href=/>Again</a>", "no form to sign in was found: the credentials are not used"),
        (FORGETFUL, "the app forgets a sign-in when its state is moved to another browser: tests start without"),
    ],
    ids=["no form", "signed in until the next page"],
)
async def test_tests_of_an_app_that_cannot_keep_a_sign_in_start_without(page: str, warning: str, job: SetUp) -> None:
    facts: list[Fact] = []
    with serve({"/": page}) as url:
        assert await EXPLORER.make().set_up(replace(job, app_url=url), facts.append) is None
    warnings = [fact.message for fact in facts if isinstance(fact, LogEntry) and fact.level is LogLevel.WARNING]
    assert warnings == [warning]
    assert not state_of(job).exists()
    assert not (job.workspace / "tests/auth.setup.ts").exists()


async def test_agents_are_not_let_in_where_everybody_is_asked_for_a_password(job: SetUp) -> None:
    with Served({"/": "<h1>Hello</h1>"}, f"{job.username}:{job.password}") as app:
        failure = await EXPLORER.make().set_up(replace(job, app_url=app.url), lambda _: None)
    assert failure is not None
    assert failure.reason is FailureReason.SIGN_IN_FAILED
    assert "the explorer can test it" in failure.message
    assert not (job.workspace / "playwright.config.ts").exists()


async def test_nothing_is_written_out_of_the_workspace(job: SetUp, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (job.workspace / "tests").symlink_to(outside)
    failure = await EXPLORER.make().set_up(replace(job, username="", password=""), lambda _: None)
    assert failure is not None
    assert failure.reason is FailureReason.AGENT_ERROR
    assert not list(outside.iterdir())


UNSTARTABLE = ExplorerSetUp(ExplorerDriver(Path.cwd, command=["/nowhere/explorer"]))
"""Its process could not be started, and is not needed where nobody signs in."""


@pytest.fixture
def unsigned(job: SetUp) -> SetUp:
    return replace(job, app_url=NOBODY, username="", password="")


async def test_the_explorer_starts_no_process_where_nobody_signs_in(unsigned: SetUp) -> None:
    facts: list[Fact] = []
    assert await UNSTARTABLE.set_up(unsigned, facts.append) is None
    assert (unsigned.workspace / "playwright.config.ts").exists()
    assert {fact.path for fact in facts if isinstance(fact, FileChanged)} >= {
        "playwright.config.ts",
        "tests/support.ts",
    }
    again: list[Fact] = []
    assert await UNSTARTABLE.set_up(unsigned, again.append) is None
    assert again == []
    failure = await UNSTARTABLE.set_up(replace(unsigned, username="somebody"), facts.append)
    assert failure is not None


@pytest.mark.parametrize("target", ["outside", "tests"], ids=["out of the workspace", "in a circle"])
async def test_the_explorer_writes_along_no_link(unsigned: SetUp, target: str) -> None:
    outside = unsigned.workspace.parent / "outside"
    outside.mkdir()
    (unsigned.workspace / "tests").symlink_to(outside if target == "outside" else target)
    failure = await UNSTARTABLE.set_up(unsigned, lambda _: None)
    assert failure is not None
    assert (failure.reason, failure.retryable) == (FailureReason.AGENT_ERROR, False)
    assert list(outside.iterdir()) == []


async def test_the_explorer_does_not_get_lost_in_what_an_agent_has_made(unsigned: SetUp) -> None:
    made = [unsigned.workspace]
    for _ in range(1200):
        try:
            (made[-1] / "d").mkdir()
        except OSError:  # the path is too long by now
            break
        made.append(made[-1] / "d")
    with (unsigned.workspace / "tsconfig.json").open("wb") as huge:
        huge.truncate(1 << 34)
    assert await UNSTARTABLE.set_up(unsigned, lambda _: None) is None
    assert (unsigned.workspace / "playwright.config.ts").exists()
    assert (unsigned.workspace / "tsconfig.json").stat().st_size == 1 << 34
    for folder in reversed(made[1:]):  # deeper than what clears away old temporary folders can go
        folder.rmdir()


async def test_a_suite_of_ours_with_other_line_ends_is_ours(unsigned: SetUp) -> None:
    assert await UNSTARTABLE.set_up(unsigned, lambda _: None) is None
    config = unsigned.workspace / "playwright.config.ts"
    config.write_bytes(config.read_bytes().replace(b"\n", b"\r\n"))
    (unsigned.workspace / "tests/seed.spec.ts").unlink()
    assert await UNSTARTABLE.set_up(unsigned, lambda _: None) is None
    assert (unsigned.workspace / "tests/seed.spec.ts").exists()
