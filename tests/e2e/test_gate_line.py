"""An app that lets nobody in without a user name and a password, as staging servers do (HTTP Basic, RFC 7617)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator

import pytest

from tests.apps.served import Served
from tests.line.secrets import places_of
from tests.line.support import COMPLETE, Followed, Server, carry_out, server

pytestmark = pytest.mark.timeout(600)
PASSWORD = "opens-the-gate"
_FORM = "<form method=post action=/guests><label>Name <input name=name required></label><button>Come in</button></form>"
_DOOR = "<form method=post action=/door><label>Name <input name=name></label><label>Password <input type=password name=word></label><button>Log in</button></form>"  # noqa: E501
PAGES = {
    "/": "<title>House</title><h1>House</h1><a href=/room>Room</a> <a href=/guests>Guests</a> <a href=/door>Log in</a>",
    "/door": f"<title>Door</title><h1>Log in</h1>{_DOOR}",
    "POST /door": f"<title>Door</title><h1>Log in</h1><p role=alert>Nobody is called so.</p>{_DOOR}",
    "/guests": f"<title>Guests</title><h1>Guests</h1>{_FORM}",
    "POST /guests": f"<title>Guests</title><h1>Guests</h1><p role=status>Thank you, you were added.</p>{_FORM}",
}


@pytest.fixture(scope="module")
def app() -> Iterator[Served]:
    with Served({}, "somebody:else") as elsewhere:
        pictures = {"/room": f"<title>Room</title><h1>Room</h1><p>A bed.<img src={elsewhere.url}bed.png alt=Bed>"}
        with Served(PAGES | pictures, f"ada:{PASSWORD}") as served:
            yield served
        assert not elsewhere.tickets


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with server(tmp_path_factory.mktemp("gate")) as started:
        yield started


def _completed(running: Server, url: str, **sign_in: str) -> Followed:
    async def carry() -> Followed:
        async with running.client() as client:
            return await carry_out(client, COMPLETE, url, 300, **sign_in)

    return asyncio.run(carry())


@pytest.fixture(scope="module")
def let_in(app: Served, running: Server) -> Followed:
    return _completed(running, app.url, username="ada", password=PASSWORD)


def test_behind_its_gate_an_app_is_tested_as_any_other(let_in: Followed) -> None:
    assert let_in.verdict == "COMPLETED PASSED", let_in.trouble()
    assert let_in.task.result.summary.expected == let_in.task.result.summary.total >= 3
    assert not let_in.task.result.findings


def test_tests_take_what_opens_the_gate_from_the_environment(let_in: Followed, running: Server) -> None:
    workspace = running.workspaces / let_in.task.session_id
    assert "process.env.TEST_PASSWORD" in (workspace / "playwright.config.ts").read_text()
    assert "`TEST_USERNAME` and `TEST_PASSWORD`" in (workspace / "specs/plan.md").read_text()


def test_what_is_said_about_it_names_the_gate(let_in: Followed) -> None:
    assert any("HTTP Basic" in message for message in let_in.logs)
    assert not any("credentials are not used" in message for message in let_in.logs)


def test_a_form_that_does_not_take_them_is_left_out(let_in: Followed, running: Server) -> None:
    plan = (running.workspaces / let_in.task.session_id / "specs/plan.md").read_text()
    assert "pages for signed-in users: /door did not accept the given credentials: Nobody is called so." in plan


def test_nothing_that_is_kept_holds_what_opens_the_gate(let_in: Followed, running: Server) -> None:
    ticket = base64.b64encode(f"ada:{PASSWORD}".encode()).decode()
    for secret in (PASSWORD, ticket):
        assert places_of(secret, running.workspaces) + places_of(secret, running.state) == []


@pytest.mark.parametrize(
    ("given", "answer"),
    [({}, "none were given"), ({"username": "ada", "password": "wrong-one"}, "did not accept the given user name")],
)
def test_whoever_is_not_let_in_is_told_why(app: Served, running: Server, given: dict[str, str], answer: str) -> None:
    refused = _completed(running, app.url, **given)
    assert refused.verdict == "FAILED SIGN_IN_FAILED"
    assert answer in refused.task.error.status.message
