"""The connection of a command: one client for as long as the command works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import typer

from agent_runtime.client import AgentRuntimeClient

ResultT = TypeVar("ResultT")


def with_client(context: typer.Context, work: Callable[[AgentRuntimeClient], Coroutine[Any, Any, ResultT]]) -> ResultT:
    """Do some work with a client of the server that the command line names."""

    async def connected() -> ResultT:
        async with AgentRuntimeClient(str(context.obj)) as client:
            return await work(client)

    return asyncio.run(connected())
