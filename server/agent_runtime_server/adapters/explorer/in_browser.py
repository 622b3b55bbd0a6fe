"""Work that needs a browser and the app: how it begins, and how its failures are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from playwright.async_api import Browser, Error

from agent_runtime_server.adapters.explorer.browser import (
    BrowserLostError,
    BrowserMissingError,
    new_context,
    open_browser,
)
from agent_runtime_server.adapters.explorer.mine_auth import SignInFailedError
from agent_runtime_server.adapters.explorer.mining import Emit
from agent_runtime_server.adapters.explorer.protocol import Activity, Done, Failed, Job


class UnreachableError(Exception):
    """The app does not answer, or with an error; the message has the status."""


async def work_in_browser(job: Job, emit: Emit, work: Callable[[Job, Browser, Emit], Awaitable[Done]]) -> None:
    """Do work on an app that answers; the last line is ``Done`` or ``Failed``."""
    try:
        async with open_browser() as browser:
            emit(Activity(f"Opening {job.app_url}"))
            await require_answer(browser, job.app_url)
            done = await work(job, browser, emit)
        emit(done)
    except BrowserMissingError as error:
        emit(Failed("browser_missing", str(error)))
    except BrowserLostError as error:
        emit(Failed("agent_error", str(error), retryable=True))
    except UnreachableError as error:
        emit(Failed("app_unreachable", str(error)))
    except SignInFailedError as error:
        emit(Failed("sign_in_failed", str(error)))


async def require_answer(browser: Browser, url: str) -> None:
    """Raises UnreachableError when an app does not answer."""
    context = await new_context(browser)
    try:
        page = await context.new_page()
        response = await page.goto(url, wait_until="commit", timeout=20_000)
    except Error as error:
        raise UnreachableError(f"{url} does not answer: {error.message.splitlines()[0]}") from error
    finally:
        await context.close()
    if response is not None and response.status >= 400:
        raise UnreachableError(f"{url} answers with status {response.status}")
