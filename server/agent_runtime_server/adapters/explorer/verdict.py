"""What comes out of the search for the reason why a test fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from agent_runtime_server.adapters.explorer.flow import Flow

Cause = Literal["locator", "timing", "assertion", "app_defect"]


class Verdict(NamedTuple):
    """Why a test fails. With a flow or with sources it is repaired, without them it is left as it is."""

    cause: Cause
    explanation: str
    flow: Flow | None = None
    """The repaired flow of a generated test."""
    sources: Mapping[str, str] | None = None
    """The repaired sources of another test, by path; none, if those that it needs have been written already."""
