"""Takes flows in while others are still mined, has them proved side by side, and keeps the good ones in their order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec.structs import replace
from playwright.async_api import Browser

from agent_runtime_server.adapters.explorer.flow import Flow, Skipped
from agent_runtime_server.adapters.explorer.instructions import Wish
from agent_runtime_server.adapters.explorer.mining import Emit, Kit, Mined, OutOfTimeError
from agent_runtime_server.adapters.explorer.protocol import Job, Log, Progress
from agent_runtime_server.adapters.explorer.proving import Credentials, Rejected, prove

LIMITED_SECONDS, LIMITED_SHARE = 30.0, 0.1
"""How long tests will have to wait, where the app limits how often one may sign in, before it is known that they are
steady; and the most of the time for exploring that is left for it."""


async def _in_time(work: Coroutine[None, None, None]) -> None:
    with suppress(OutOfTimeError):
        await work


@dataclass(eq=False)
class Desk:
    """Takes the flows in, has them proved side by side, and keeps the good ones in the order of their coming."""

    browser: Browser
    job: Job
    emit: Emit
    side_by_side: int
    """Flows that are proved at the same time."""
    until: float
    """On the monotonic clock: when no proof may begin any more."""
    account: asyncio.Lock
    """One flow at a time may change the data of the signed-in user."""
    kit: Kit | None = None
    door: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One flow at a time may wait until it may sign in."""
    tasks: asyncio.TaskGroup | None = None
    taken: list[Mined] = field(default_factory=list)
    again: list[Mined] = field(default_factory=list)
    """What the app answered with errors when other flows were acted out beside."""
    proved: dict[str, Flow] = field(default_factory=dict)
    dropped: dict[str, Skipped] = field(default_factory=dict)
    """Flows that became no test, by id."""
    free: asyncio.Semaphore = field(init=False)
    _judged: int = 0
    _seconds: float = 0.0
    """How long all of them took."""

    def __post_init__(self) -> None:
        self.free = asyncio.Semaphore(self.side_by_side)

    def take(self, mined: Mined) -> None:
        """Have a flow proved."""
        assert self.tasks is not None
        self.taken.append(mined)
        self.tasks.create_task(self._prove(mined))

    def aside(self, work: Coroutine[None, None, None]) -> None:
        """Have flows mined beside the others."""
        assert self.tasks is not None
        self.tasks.create_task(_in_time(work))

    def behind(self) -> float:
        """Seconds that the flows not judged yet will take, if each takes as long as the others did; and what their
        tests will have to wait for."""
        waiting = max(0, len(self.taken) - self._judged)
        limited = self.kit is not None and self.kit.doorkeeper.limited
        proofs = waiting * self._seconds / self._judged / self.side_by_side if self._judged else 0.0
        return proofs + (min(LIMITED_SECONDS, LIMITED_SHARE * self.job.max_seconds) if limited else 0.0)

    def withdraw(self, identity: str) -> None:
        """Forget the flow of this id."""
        self.taken = [mined for mined in self.taken if mined.flow.id != identity]

    async def _prove(self, mined: Mined) -> None:
        assert self.kit is not None
        if self.kit.doorkeeper.limited and self._signs_in(mined.flow):
            async with self.door:
                if mined not in self.taken:
                    return
                result = await self._judge(mined.flow)
        elif mined.changes_account:
            async with self.account, self.free:
                result = await self._judge(mined.flow)
        else:
            async with self.free:
                result = await self._judge(mined.flow)
        if isinstance(result, Rejected) and result.by_chance:
            if result.failed:
                self.kit.turns.suspect(f"“{mined.flow.title}”")
            self.again.append(mined)
        else:
            self._file(mined.flow, result)

    def _signs_in(self, flow: Flow) -> bool:
        assert self.kit is not None
        door = self.kit.doorkeeper.door
        return flow.session == "fresh" or any(door in step.actions for step in flow.steps)

    async def judge_again(self) -> None:
        """Prove alone what met errors of the app, for the last time."""
        assert self.kit is not None
        for mined in self.again:
            result = await self._judge(mined.flow)
            if not isinstance(result, Rejected) and self.kit.turns.single:
                self.kit.turns.stumbled(f"“{mined.flow.title}”")
            self._file(mined.flow, result)

    async def _judge(self, flow: Flow) -> Flow | Rejected:
        assert self.kit is not None
        begun = time.monotonic()
        if begun >= self.until:
            return Rejected("there was no time left to prove it")
        site, keeper = self.kit.site, self.kit.doorkeeper
        recipe, state = (site.sign_in.recipe, site.sign_in.state) if site.sign_in else (None, None)
        if keeper.limited and flow.session == "fresh":  # it was not known when the flow was mined
            flow = replace(flow, session="stored")
        credentials = Credentials(self.job.username, self.job.password, self.kit.gate)
        result = await prove(
            self.browser, self.job.app_url, flow, recipe, credentials, self.emit, keeper, state, self.kit.turns
        )
        self._judged += 1
        self._seconds += time.monotonic() - begun
        return result

    def _file(self, flow: Flow, result: Flow | Rejected) -> None:
        if isinstance(result, Rejected):
            self.dropped[flow.id] = Skipped(flow.title, result.reason)
            self.emit(Log("warning", f"dropped “{flow.title}”: {result.reason}"))
        else:
            self.proved[flow.id] = result
        self.emit(Progress(len(self.proved), 0, "flows"))

    def left_out(self) -> list[Skipped]:
        """What was dropped, in the order in which it came."""
        return [self.dropped[mined.flow.id] for mined in self.taken if mined.flow.id in self.dropped]

    def in_order(self, wish: Wish) -> list[Flow]:
        """The proved flows: asked ones first, each suite together, else as they came."""
        kept = [mined for mined in self.taken if mined.flow.id in self.proved]
        suites: dict[str, int] = {}
        for mined in sorted(kept, key=lambda each: wish.rank(each.concepts, each.flow.title)):
            suites.setdefault(mined.flow.suite, len(suites))
        return [self.proved[mined.flow.id] for mined in sorted(kept, key=lambda each: suites[each.flow.suite])]
