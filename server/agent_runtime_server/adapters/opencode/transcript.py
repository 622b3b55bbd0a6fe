"""The transcript: everything that an agent and its model said and did, one JSON object a line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.opencode.beneath import appended

MAX_BYTES = 20 << 20
"""With the message that exceeds it a transcript ends."""
MAX_LINE = 4 << 20
"""Bytes of one message; a longer one is left out."""


def append_transcript(workspace: Path, path: str, title: str, messages: Sequence[Mapping[str, Any]]) -> None:
    """Append a conversation: a line with its title, and then a line for each message, as OpenCode gives it.

    A file that is full takes no more, but for a line that says so. Raises OSError, also for a path that leads out of
    the workspace.
    """
    with appended(workspace, path) as file:
        for entry in ({"conversation": title}, *messages):
            if file.tell() > MAX_BYTES:
                return
            file.write(_line(entry))
            if file.tell() > MAX_BYTES:
                file.write(_line({"truncated": f"the transcript has reached {MAX_BYTES} bytes"}))


def _line(entry: Mapping[str, Any]) -> bytes:
    line = json.dumps(entry, ensure_ascii=False).encode(errors="replace")
    if len(line) > MAX_LINE:
        line = json.dumps({"truncated": f"a message of {len(line)} bytes"}).encode()
    return line + b"\n"
