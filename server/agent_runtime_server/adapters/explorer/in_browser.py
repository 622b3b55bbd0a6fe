"""Work that needs a browser and the app: how it begins, and how its failures are told."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from playwright.async_api import Browser, Error, HttpCredentials

from agent_runtime_server.adapters.explorer.browser import (
    BrowserLostError,
    BrowserMissingError,
    new_context,
    open_browser,
)
from agent_runtime_server.adapters.explorer.mine_auth import SignInFailedError
from agent_runtime_server.adapters.explorer.mining import Emit
from agent_runtime_server.adapters.explorer.protocol import Activity, Done, Failed, Job, Log
from agent_runtime_server.adapters.explorer.settle import origin_of

UNAUTHORIZED = 401
_BASIC = re.compile(r"(^|[,\n])\s*basic\b", re.IGNORECASE)
"""Among the challenges of an app, of which there may be several."""
_REFUSED_CREDENTIALS = "ERR_INVALID_AUTH_CREDENTIALS"
"""What browsers with windows say of such an app, instead of showing its answer."""


class UnreachableError(Exception):
    """The app does not answer, or with an error; the message has the status."""


Work = Callable[[Job, Browser, Emit, HttpCredentials | None], Awaitable[Done]]
"""Is given what the app's gate asks for, if it has one."""


async def work_in_browser(job: Job, emit: Emit, work: Work) -> None:
    """Do work on an app that answers; the last line is ``Done`` or ``Failed``."""
    try:
        async with open_browser() as browser:
            emit(Activity(f"Opening {job.app_url}"))
            gate = await require_answer(browser, job)
            if gate is not None:
                emit(Log("info", "the app asks everybody for a user name and a password (HTTP Basic)"))
            done = await work(job, browser, emit, gate)
        emit(done)
    except BrowserMissingError as error:
        emit(Failed("browser_missing", str(error)))
    except BrowserLostError as error:
        emit(Failed("agent_error", str(error), retryable=True))
    except UnreachableError as error:
        emit(Failed("app_unreachable", str(error)))
    except SignInFailedError as error:
        emit(Failed("sign_in_failed", str(error)))


async def require_answer(browser: Browser, job: Job) -> HttpCredentials | None:
    """The credentials for an app that answers everybody by asking for them, as RFC 7617 has it; None for any other.

    Raises:
        UnreachableError: It does not answer, or with an error.
        SignInFailedError: It asks for credentials, and there are none, or it does not take them.
    """
    url = job.app_url
    answer = await _ask(browser, url, None)
    if not answer.asks:
        answer.require_good(url)
        return None
    if (asking := origin_of(answer.url)) != origin_of(url):
        raise UnreachableError(f"{url} leads to {asking}, which asks for a password (HTTP Basic): give that address")
    if not job.username:
        raise SignInFailedError(f"{url} asks for a user name and a password (HTTP Basic), and none were given")
    gate = HttpCredentials(username=job.username, password=job.password, origin=asking)
    answer = await _ask(browser, url, gate)
    if answer.asks:
        raise SignInFailedError(f"{url} did not accept the given user name and password (HTTP Basic)")
    answer.require_good(url)
    return gate


class _Answer(NamedTuple):
    """How an app answers."""

    status: int
    url: str
    """Where it led to."""
    asks: bool
    """For a user name and a password."""

    def require_good(self, url: str) -> None:
        """Raises UnreachableError for an error."""
        if self.status >= 400:
            raise UnreachableError(f"{url} answers with status {self.status}")


async def _ask(browser: Browser, url: str, gate: HttpCredentials | None) -> _Answer:
    context = await new_context(browser, gate=gate)
    try:
        page = await context.new_page()
        response = await page.goto(url, wait_until="commit", timeout=20_000)
    except Error as error:
        if _REFUSED_CREDENTIALS in error.message:
            return _Answer(UNAUTHORIZED, url, asks=True)
        raise UnreachableError(f"{url} does not answer: {error.message.splitlines()[0]}") from error
    finally:
        await context.close()
    if response is None:
        return _Answer(200, url, asks=False)
    challenge = response.headers.get("www-authenticate", "")
    asks = response.status == UNAUTHORIZED and _BASIC.search(challenge) is not None
    return _Answer(response.status, response.url, asks)
