"""The composition root: builds everything, owns all background work, drains on SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import timedelta
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from itertools import chain
from pathlib import Path
from typing import Any

from agent_runtime_server import bounds
from agent_runtime_server.adapters.blobs_fs import DirectoryBlobs
from agent_runtime_server.adapters.clock import SystemClock
from agent_runtime_server.adapters.disk import FolderDisk
from agent_runtime_server.adapters.embedded import EmbeddedDispatcher, slots_of_this_machine
from agent_runtime_server.adapters.processes import Owner, reap_leftovers
from agent_runtime_server.adapters.scrubbing import scrub
from agent_runtime_server.adapters.sealing import FileKeySecrets
from agent_runtime_server.adapters.sqlite.schema import DatabaseTooNew
from agent_runtime_server.adapters.sqlite.store import SqliteStore
from agent_runtime_server.adapters.state_dir import StateDir, StateDirInUse
from agent_runtime_server.adapters.toolchain import Toolchain
from agent_runtime_server.adapters.workspaces import FolderWorkspaces
from agent_runtime_server.domain.event import QueueState
from agent_runtime_server.domain.faults import DiskFull
from agent_runtime_server.domain.task import Task
from agent_runtime_server.figures import ServerFigures
from agent_runtime_server.http_door import CannotListen, HttpDoor, bound
from agent_runtime_server.local_calls import LocalCalls
from agent_runtime_server.observability import set_up_logging
from agent_runtime_server.orchestrator.admission import Admission
from agent_runtime_server.orchestrator.disk import DiskGuard
from agent_runtime_server.orchestrator.feed import Feed
from agent_runtime_server.orchestrator.filtered_watch import FilteredWatches
from agent_runtime_server.orchestrator.inputs import Inputs
from agent_runtime_server.orchestrator.phases import Executor
from agent_runtime_server.orchestrator.recovery import Recovery
from agent_runtime_server.orchestrator.retention import Retention
from agent_runtime_server.orchestrator.sessions import SessionLimits, Sessions
from agent_runtime_server.orchestrator.signals import Signals
from agent_runtime_server.orchestrator.signing_in import SignedIn
from agent_runtime_server.orchestrator.tasks import Tasks
from agent_runtime_server.orchestrator.watch import Watches
from agent_runtime_server.orchestrator.work import Work
from agent_runtime_server.own_process import calm_collector, give_back_memory, loop_factory, take_descriptors
from agent_runtime_server.parts import Parts, real_parts
from agent_runtime_server.ports import Dispatcher
from agent_runtime_server.rpc.counting import CallCounts
from agent_runtime_server.rpc.event_codec import ProtoEventCodec
from agent_runtime_server.rpc.health import Health
from agent_runtime_server.rpc.info import ServerInfo, ServerLimits
from agent_runtime_server.rpc.logs import LogPages
from agent_runtime_server.rpc.runtime import RuntimeService
from agent_runtime_server.rpc.server import MAX_MESSAGE_BYTES, add_service, create_server
from agent_runtime_server.rpc.sessions import SessionsService
from agent_runtime_server.rpc.validation import Requests
from agent_runtime_server.settings import BadSettings, Settings, read_settings

_log = logging.getLogger("agent_runtime.app")
_STOP_SECONDS = 5.0
"""How long open calls may take after the last task has ended."""
_SETTLE_SECONDS = 0.5
_REQUEST_ID_RETENTION = timedelta(hours=24)
"""What is promised; an id is known for as long as the task or session that it made."""
RESERVE_BYTES = 8 * 1024 * 1024
"""Held on the disk, to be given up for what must be written when it is full."""


def version() -> str:
    """Version of the installed distribution."""
    try:
        return installed_version("agent-runtime")
    except PackageNotFoundError:
        return "0+unknown"


class App:
    """A running server."""

    def __init__(
        self,
        settings: Settings,
        tasks: Tasks,
        signals: Signals,
        dispatcher: Dispatcher,
        calls: LocalCalls,
        port: int,
    ) -> None:
        self.settings = settings
        self.tasks = tasks
        self.signals = signals
        self.dispatcher = dispatcher
        self.calls = calls
        self.port = port
        self.health: Health | None = None
        self.door: HttpDoor | None = None

    @property
    def address(self) -> str:
        """Where it listens, with the port that it got."""
        host = self.settings.grpc_address
        return host if host.startswith("unix:") else f"{host.rpartition(':')[0]}:{self.port}"

    async def drain(self, grace: timedelta) -> None:
        """Go away in good order: readiness off, watches closed, running tasks given the grace."""
        self.tasks.draining = True
        if self.health is not None:
            await self.health.draining()
        self.signals.drain()
        await self.dispatcher.drain(grace)


@asynccontextmanager
async def running(settings: Settings, others: Parts | None = None) -> AsyncIterator[App]:
    """A server that answers inside the block. ``others`` are parts to use instead of the real ones. Raises
    StateDirInUse, BadSettings, CannotListen, and OSError when the address is taken."""
    async with AsyncExitStack() as stack:
        state = StateDir(Path(settings.state_dir))
        workspace_root = Path(settings.workspace_root)
        stack.enter_context(state.lock())
        owner = Owner.of(state.owner_file)
        if killed := await reap_leftovers(owner):
            _log.warning("killed what an earlier server had left running", extra={"pids": list(killed)})
        door = stack.enter_context(bound(settings))
        real = real_parts(settings, state, owner)
        parts = others if others is not None else await stack.enter_async_context(real)
        disk = DiskGuard(
            FolderDisk([state.path, workspace_root], state.reserve, RESERVE_BYTES), settings.min_free_bytes
        )
        await disk.look()  # on a full disk, what is to be written now takes the reserve
        defaults = bounds.defaults(settings)
        if defaults.driver not in parts.drivers:
            known = ", ".join(sorted(parts.drivers))
            raise BadSettings(f"settings: default_driver {defaults.driver!r} is none of {known}")
        store = await SqliteStore.open(state.database, ProtoEventCodec(), max_log_bytes=settings.max_log_bytes)
        stack.push_async_callback(store.close)
        clock = SystemClock()
        sealing = FileKeySecrets(state.key_file)
        blobs = DirectoryBlobs(state.blobs)
        workspaces = FolderWorkspaces(workspace_root, Toolchain(Path(settings.toolchain_dir)))
        signals = Signals(store, clock)
        feed = Feed(store, clock, signals)

        async def tell_place(task_id: str, place: QueueState) -> None:
            await tasks.tell_place(task_id, place)

        async def expire(task_id: str) -> Task:
            return await tasks.expire(task_id)

        dispatcher = parts.dispatcher or EmbeddedDispatcher(clock, tell_place, expire)
        admission = Admission(store, workspaces, parts.drivers, parts.models, clock, defaults)
        tasks = Tasks(store, dispatcher, admission, sealing, disk, clock, bounds.task_limits(settings))
        watch_limits = bounds.watch_limits(settings)
        watches = Watches(store, clock, signals, watch_limits)
        keeping = bounds.keeping(settings)
        session_limits = SessionLimits(retention=keeping.sessions)
        sessions = Sessions(store, workspaces, disk, clock, session_limits)
        retention = Retention(store, blobs, workspaces, sessions, clock, keeping)
        signed_in = SignedIn(parts.set_up, state.signed_in)
        work = Work(parts.drivers, parts.runner, workspaces, parts.mutations, signed_in, parts.probe, clock)
        inputs = Inputs(store, sealing, signals, clock, defaults.answer_timeout)
        executor = Executor(store, blobs, workspaces, sealing, scrub, disk, clock, inputs, work)
        limits = ServerLimits(
            MAX_MESSAGE_BYTES,
            timedelta(seconds=settings.max_wait_seconds),
            watch_limits,
            keeping.events,
            _REQUEST_ID_RETENTION,
            session_limits.max_file_bytes,
        )
        info = ServerInfo(version(), parts, defaults.driver, limits)
        requests = Requests()
        filtered_watches = FilteredWatches(store, clock, signals, feed, watches)
        logs = LogPages(store, tasks)
        services = (
            RuntimeService(tasks, inputs, watches, filtered_watches, store, blobs, logs, info, requests),
            SessionsService(sessions, tasks),
        )
        server = create_server()
        calls = CallCounts()
        handlers = dict(
            chain.from_iterable(add_service(server, service, requests, calls).items() for service in services)
        )
        names = [service.descriptor.full_name for service in services]
        health = Health(server, names)
        _enable_reflection(server, names)
        port = server.add_insecure_port(settings.grpc_address)
        await Recovery(store, workspaces, sealing, scrub, clock).run(dispatcher)
        group = await stack.enter_async_context(asyncio.TaskGroup())
        background = [
            group.create_task(signals.run()),
            group.create_task(feed.run()),
            group.create_task(disk.run()),
            group.create_task(retention.run()),
            group.create_task(dispatcher.run_worker(executor, slots=settings.slots or slots_of_this_machine())),
        ]
        app = App(settings, tasks, signals, dispatcher, LocalCalls(handlers), port)
        app.health = health
        await server.start()
        await health.serving()
        background.append(group.create_task(_settle(requests, parts)))
        if door is not None:
            app.door = door
            info.http_url = door.address
            figures = ServerFigures(version(), calls, store, dispatcher, watches, executor.tally)
            http = group.create_task(door.run(settings, version(), figures, app.calls))
        try:
            yield app
        finally:
            await app.drain(timedelta())
            if door is not None:
                door.closing.set()
                await asyncio.wait({http})
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STOP_SECONDS):
                        await app.calls.settled()
            await server.stop(_STOP_SECONDS)
            for task in background:
                task.cancel()


async def _settle(requests: Requests, parts: Parts) -> None:
    """What takes as long as the start and can wait until the first calls are answered."""
    await asyncio.sleep(_SETTLE_SECONDS)
    await asyncio.to_thread(requests.warm)
    if not (runner := parts.runner.availability()).available:
        _log.warning("no suite can be made or run", extra={"why": runner.message})
    try:
        await parts.learn()
    except OSError:
        _log.warning("what agents need could not be looked at", exc_info=True)


def _enable_reflection(server: Any, names: Sequence[str]) -> None:
    from grpc_health.v1 import health
    from grpc_reflection.v1alpha import reflection

    reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)


async def _serve(settings: Settings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    hurry = asyncio.Event()

    def on_signal() -> None:
        (hurry if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    async with running(settings) as app:
        calm_collector()
        print(f"Agent Runtime {version()} listens on {app.address}", flush=True)
        _log.info("listening", extra={"address": app.address, "version": version()})
        if app.door is not None:
            await app.door.opened.wait()
            print(f"HTTP on {app.door.address}", flush=True)
        await stop.wait()
        _log.info("draining", extra={"grace_seconds": settings.drain_grace_seconds})
        draining = asyncio.ensure_future(app.drain(timedelta(seconds=settings.drain_grace_seconds)))
        hurried = asyncio.ensure_future(hurry.wait())
        await asyncio.wait({draining, hurried}, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        if not draining.done():
            draining.cancel()
    _log.info("stopped")


def serve(flags: Mapping[str, Any]) -> int:
    """Run a server until SIGTERM or SIGINT (a second one hurries). ``flags`` are settings by name, and ``config``,
    a TOML file; returns the exit code."""
    flags = dict(flags)
    config = flags.pop("config", None)
    try:
        settings = read_settings(flags, config=Path(config) if config else None)
    except BadSettings as bad:
        print(f"agent-runtime: {bad}", file=sys.stderr)
        return 2
    set_up_logging(settings.log_level)
    take_descriptors()
    give_back_memory()
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(_serve(settings))
    except (StateDirInUse, DatabaseTooNew, BadSettings, CannotListen) as refused:
        print(f"agent-runtime: {refused}", file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error, DiskFull) as problem:
        _log.exception("the server cannot start")
        print(f"agent-runtime: cannot start: {problem}", file=sys.stderr)
        return 1
    except RuntimeError as problem:
        if "bind" not in str(problem).lower():
            raise
        print(f"agent-runtime: cannot listen on {settings.grpc_address}: {problem}", file=sys.stderr)
        return 1
    return 0
