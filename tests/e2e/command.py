"""The ``agent-runtime`` command, as a person uses it: a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.line.support import ROOT

SECONDS = 300.0


@dataclass(frozen=True)
class Said:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """Its output, line by line."""
        return self.out.splitlines()


async def command(address: str, *arguments: str, folder: Path | None = None, **environment: str) -> Said:
    """Run the command with these arguments against the server at an address, to its end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent_runtime.cli.main", *arguments),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT / "client"), "AGENT_RUNTIME_SERVER": address, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Said(process.returncode, out.decode(), err.decode())
