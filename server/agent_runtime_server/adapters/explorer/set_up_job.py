"""The ``set_up`` job: sign in for somebody who must not see the password, and write what stands around tests."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path

import msgspec
from playwright.async_api import Browser, HttpCredentials, StorageState

from agent_runtime_server.adapters.explorer import mine_auth
from agent_runtime_server.adapters.explorer.crawl import Budget, Crawl
from agent_runtime_server.adapters.explorer.flow import SignInRecipe
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.in_browser import work_in_browser
from agent_runtime_server.adapters.explorer.instructions import read_instructions
from agent_runtime_server.adapters.explorer.mining import Emit, Kit
from agent_runtime_server.adapters.explorer.protocol import Done, Job, Log, Wrote
from agent_runtime_server.adapters.explorer.site import SignIn, Site
from agent_runtime_server.adapters.explorer.surroundings import OWN_SUITE, lay_out

MOST_PAGES = 20
"""Pages that are opened to find the form."""
MOST_SECONDS = 60.0
"""Time after which no further page is opened."""


async def run(job: Job, emit: Emit) -> None:
    """Do the job; the last line is ``Done`` or ``Failed``."""
    await work_in_browser(job, emit, _sign_in)


async def _sign_in(job: Job, browser: Browser, emit: Emit, gate: HttpCredentials | None) -> Done:
    if gate is not None:
        raise mine_auth.SignInFailedError(
            f"{job.app_url} lets nobody in without a user name and a password (HTTP Basic); browsers of agents are not "
            "given any: the explorer can test it"
        )
    site = Site.at(job.app_url)
    kit = Kit(
        browser=browser,
        site=site,
        wish=read_instructions("sign in"),
        emit=lambda _: None,
        username=job.username,
        password=job.password,
        until=time.monotonic() + MOST_SECONDS,
        may_change_data=False,
        deliver=lambda _: None,
        account=asyncio.Lock(),
    )
    if (known := await _learn(kit)) is None:
        emit(Log("warning", mine_auth.why_not(site.good)))
        return await _lay_out(job, None, emit)
    if not await _carries(kit, known):
        emit(
            Log("warning", "the app forgets a sign-in when its state is moved to another browser: tests start without")
        )
        return await _lay_out(job, None, emit)
    emit(Log("info", f"signed in at {known.page}; it shows by: {known.success.text}"))
    if job.storage_state:
        await asyncio.to_thread(_keep, known.state, Path(job.storage_state))
    return await _lay_out(job, known.recipe, emit)


async def _learn(kit: Kit) -> SignIn | None:
    """Find the form and sign in; None when there is none. Raises SignInFailedError."""
    site = kit.site
    async with kit.hand() as hand:
        await hand.visit(site.home)
        await hand.look(first=True)
        budget = Budget(MOST_PAGES, kit.until)
        crawl = Crawl(hand, site, kit.wish, budget, kit.emit, signed_in=False)
        await crawl.run(site.home, lambda: mine_auth.sign_in_page(site.good) is not None)
    found = mine_auth.sign_in_page(site.good)
    if found is None:
        return None
    try:
        return await mine_auth.learn_sign_in(kit, found[0])
    except LostError as error:
        raise mine_auth.SignInFailedError(str(error)) from error


async def _carries(kit: Kit, known: SignIn) -> bool:
    """Whether another browser with this state is signed in, too."""
    async with kit.hand(state=known.state) as hand:
        try:
            await hand.visit(known.landing)
        except LostError:
            return False
        return await hand.holds(known.success.check)


def _keep(state: StorageState, path: Path) -> None:
    """For the owner's eyes only; whole or not at all."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(msgspec.json.encode(state))
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


async def _lay_out(job: Job, recipe: SignInRecipe | None, emit: Emit) -> Done:
    files = await asyncio.to_thread(lay_out, Path(job.workspace), job.app_url, recipe)
    if files is None:
        emit(Log("info", OWN_SUITE))
        return Done("")
    for path in files:
        emit(Wrote(path))
    return Done(f"{len(files)} files written.")
