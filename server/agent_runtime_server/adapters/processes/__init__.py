"""Process trees: start, limit, stream, stop and reap them, each under a supervisor process of its own.

    async with spawn(["npx", "playwright", "test"], cwd=workspace, env=env, limits=Limits(seconds=600)) as tree:
        async for line in tree.lines():
            ...
        exit = await tree.wait()

Leaving the block, also by cancellation, stops and reaps everything that the command has started, before anything else
goes on. See ``supervisor`` for how nothing escapes.
"""

from agent_runtime_server.adapters.processes.leftovers import SHORT, Owner, SurvivingProcesses, reap_leftovers
from agent_runtime_server.adapters.processes.pipes import MAX_LINE, OutputLine
from agent_runtime_server.adapters.processes.tree import Exit, Limits, ProcessTree, spawn

__all__ = [
    "Exit",
    "Limits",
    "MAX_LINE",
    "OutputLine",
    "Owner",
    "ProcessTree",
    "SHORT",
    "SurvivingProcesses",
    "reap_leftovers",
    "spawn",
]
