"""Elements before and after a change, with the right answer."""

from __future__ import annotations

from pathlib import Path

import msgspec

from agent_runtime_server.adapters.explorer.flow import Fingerprint

CASES = Path(__file__).with_name("cases.json")
MOST_CANDIDATES = 3


class Case(msgspec.Struct, frozen=True):
    """An element that was seen, and what the page has of its kind now, the likest of it."""

    origin: str
    was: Fingerprint
    now: tuple[Fingerprint, ...]
    there: bool
    """The first is the one that was seen; else it is gone, and none may be taken for it."""


def read_cases() -> list[Case]:
    """All cases."""
    return msgspec.json.decode(CASES.read_bytes(), type=list[Case])
