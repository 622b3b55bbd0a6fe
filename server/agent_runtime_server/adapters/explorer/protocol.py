"""The language between the explorer's process and the server: typed JSON lines.

The server writes one ``Job`` line to the process's standard input and closes it. The process answers with lines on
its standard output, each one of ``Line``, and ends with ``Done`` or ``Failed`` and exit code 0. Text on standard error
is a log of last resort. Anything else is a crash.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from agent_runtime_server.adapters.explorer.flow import Seen

BEAT_SECONDS = 5.0


class Failing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A test to repair, as the last run saw it."""

    id: str
    path: str
    """Of its file, relative to the workspace."""
    line: int = 0
    """Where in its file the error is; 0 when it is not in it."""
    error: str = ""
    trace: str = ""
    """The recording of its last attempt, relative to the workspace; empty when there is none."""


class Job(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One phase of work for the explorer."""

    kind: Literal["plan", "generate", "set_up", "fix"]
    """``plan`` explores and writes ``specs/plan.md`` and ``specs/model.json``; ``generate`` writes tests from them.
    ``set_up`` signs in, and writes what tests of whatever origin need around them. ``fix`` looks why tests fail, and
    changes the locators of those whose elements are there under other names."""
    app_url: str
    workspace: str
    """Absolute path of the workspace."""
    instructions: str = ""
    username: str = ""
    password: str = ""
    max_states: int = 60
    max_seconds: float = 300.0
    """Safety stop; a plan that it ends is marked as truncated."""
    allow_destructive: bool = False
    axe: str = ""
    """For ``plan``: absolute path of axe-core's script; without it pages are not judged by its rules."""
    storage_state: str = ""
    """For ``set_up``: absolute path where the state of a browser that has signed in is to be written."""
    failing: tuple[Failing, ...] = ()
    """For ``fix``."""


class Log(Struct, frozen=True, tag_field="type", tag="log"):
    """A line for the task's log."""

    level: Literal["debug", "info", "warning", "error"]
    message: str


class Activity(Struct, frozen=True, tag_field="type", tag="activity"):
    """What is going on now, one line for people: which page, what it tries."""

    text: str


class Progress(Struct, frozen=True, tag_field="type", tag="progress"):
    """Steps done in this phase; ``total`` 0 when not known."""

    completed: int
    total: int
    unit: str


class Found(Struct, frozen=True, tag_field="type", tag="found"):
    """Something wrong or doubtful was seen in the app."""

    finding: Seen


class Wrote(Struct, frozen=True, tag_field="type", tag="wrote"):
    """A file of the workspace is complete on disk; the path is relative to the workspace."""

    path: str


class Beat(Struct, frozen=True, tag_field="type", tag="beat"):
    """A sign of life; comes every ``BEAT_SECONDS``, whatever else is said."""


class Diagnosed(Struct, frozen=True):
    """What was found to be wrong with a failing test."""

    test_id: str
    cause: Literal["locator", "timing", "assertion", "app_defect"]
    explanation: str
    final: bool
    """Nothing was changed, and another look would show the same."""


class Done(Struct, frozen=True, tag_field="type", tag="done"):
    """The job is done."""

    summary: str
    """Short Markdown for people."""
    test_paths: tuple[str, ...] = ()
    """Tests written, for ``generate``; changed, for ``fix``."""
    diagnoses: tuple[Diagnosed, ...] = ()
    """For ``fix``, one for each failing test that there was time for."""


class Failed(Struct, frozen=True, tag_field="type", tag="failed"):
    """The job could not be done."""

    reason: Literal[
        "agent_error",
        "app_unreachable",
        "sign_in_failed",
        "browser_missing",
        "nothing_generated",
        "disk_full",
    ]
    message: str
    retryable: bool = False
    """Whether the same job may well succeed when it is done again."""


Line = Log | Activity | Progress | Found | Wrote | Beat | Done | Failed

encode = msgspec.json.Encoder().encode
decode_line = msgspec.json.Decoder(Line).decode
decode_job = msgspec.json.Decoder(Job).decode
