"""What there is to be tested in each app, written by hand: flows, pages, forms. Suites under test never see it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Page

from tests.quality.changes import Change

Act = Callable[[Page], Awaitable[None]]
"""Acts a flow out and sees that it comes out right; raises if it does not."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that who acts a flow out cannot but send, and how it is answered."""

    method: str
    path: str
    """``*`` stands for any characters but ``/``."""
    status: int = 0
    """0 is any below 400."""
    fields: frozenset[str] = frozenset()
    """It has these, in its query or its body, among others."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow, how its outcome can be spoilt, and by which requests a test that acts it out is known."""

    act: Act
    breaks: tuple[Change, ...]
    """With each of them, and nothing else changed, the flow comes out wrong."""
    asks: tuple[Asked, ...] = ()
    """In this order; nothing, if the flow is the page's own business."""
    beyond: bool = False
    """The user whose name and password are given may not do this: its mutants are not for a suite to catch."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form, known by where it is sent and by fields that it has."""

    method: str
    path: str
    fields: frozenset[str]


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a user says beside the address, and what is to come of it."""

    text: str
    asked: tuple[str, ...]
    """Names of flows."""
    forbidden: tuple[Asked, ...] = ()
    """Requests that no test may make."""


@dataclass(frozen=True, slots=True)
class Truth:
    """All of one app."""

    flows: Mapping[str, Flow]
    templates: tuple[str, ...]
    """Of the paths of pages; ``*`` stands for any characters but ``/``."""
    forms: tuple[Form, ...] = ()
    instructions: tuple[Instruction, ...] = ()
    username: str = ""
    password: str = ""
    credentials: Mapping[str, str] = field(default_factory=dict)
    """The right values of the fields of the sign-in form, by name."""
    equivalent: Mapping[str, str] = field(default_factory=dict)
    """Mutants of which nobody could notice anything, by id, and why."""


def named(*flows: Flow) -> dict[str, Flow]:
    """Flows by the names of their functions."""
    return {getattr(flow.act, "__name__"): flow for flow in flows}  # noqa: B009 - a Callable need not have one


def source(app: str) -> str:
    """What is written of an app."""
    return (Path(__file__).parent / f"{app}.py").read_text()


def of(app: str) -> Truth:
    """The truth of an app. Raises LookupError if nobody has written it."""
    try:
        module = importlib.import_module(f"{__name__}.{app}")
    except ModuleNotFoundError:
        raise LookupError(f"nobody has written tests/quality/truth/{app}.py: what is there to be tested?") from None
    truth = module.TRUTH
    assert isinstance(truth, Truth)
    return truth
