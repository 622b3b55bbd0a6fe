"""What a scripted model answers: scenarios of steps, as data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

Scenarios = Mapping[str, Sequence[Mapping[str, Any]]]
"""Steps by the scenario's name, the way that JSON has them; ``Step`` tells what a step holds."""

NAME = re.compile(r"[\w.-]+")
PLACEHOLDER = re.compile(r"\$\{(re|prompt):((?:[^{}\\]|\\.|\{[^{}]*\})+)\}", re.DOTALL)
"""Braces of the expression itself, as in ``\\d{3}``, belong to it."""

Seconds = Annotated[float, Meta(ge=0)]
Tokens = Annotated[int, Meta(ge=0)]


class ScenarioError(ValueError):
    """A scenario cannot be played; the text names the scenario and the step."""


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """Data that refuses fields which it does not know."""


class Call(Record, frozen=True):
    """Of a tool."""

    tool: Annotated[str, Meta(min_length=1)]
    args: dict[str, Any] = {}


class Usage(Record, frozen=True):
    """Tokens that an answer reports."""

    input: Tokens
    """All of the input, cached parts included."""
    output: Tokens
    """All of the output, reasoning included."""
    cached: Tokens = 0
    """Read from a cache."""
    cache_write: Tokens = 0
    reasoning: Tokens = 0


class Fault(Record, frozen=True):
    """An HTTP error instead of an answer."""

    status: Annotated[int, Meta(ge=400, le=599)]
    message: str = "a scripted error"
    times: Annotated[int, Meta(ge=1)] | None = None
    """So many requests of this step fail, and later ones get the answer; None is all of them."""
    headers: dict[str, str] = {}


class Step(Record, frozen=True):
    """One answer; strings in ``text`` and ``calls`` may hold placeholders.

    ``${re:REGEX}`` becomes group 1 (or all, without a group) of the last match in the tool results since the message
    that chose the scenario; ``${prompt:REGEX}`` is the same in the user's messages. One that finds nothing is an error.
    """

    text: str = ""
    reasoning: str = ""
    calls: list[Call] = []
    usage: Usage | None = None
    """None is an estimate from the lengths."""
    error: Fault | None = None
    hang_before: Seconds = 0
    """Silence before the headers."""
    hang: Seconds = 0
    """Silence after them."""
    drop: bool = False
    """The connection breaks in the middle of the answer."""
    slow: Seconds = 0
    """Pause after each chunk of a stream."""


DONE = Step(text="done")
"""What a scenario says that has run out of steps."""


def read_scenarios(data: object) -> dict[str, list[Step]]:
    """Scenarios from data; raise ``ScenarioError`` where they are wrong."""
    if not isinstance(data, Mapping):
        raise ScenarioError("scenarios: must be an object of scenarios by name")
    read: dict[str, list[Step]] = {}
    for name, steps in data.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ScenarioError(f"scenario {name!r}: a name has letters, digits, '_', '-' and '.' only")
        if not isinstance(steps, Sequence) or isinstance(steps, str):
            raise ScenarioError(f"scenario {name!r}: must be a list of steps")
        read[name] = [_step(place(name, number), step) for number, step in enumerate(steps)]
    return read


def place(scenario: str, step: int) -> str:
    """Name a step in an error."""
    return f"scenario {scenario!r}, step {step} (the first is 0)"


def filled(step: Step, prompt: str, results: str) -> Step:
    """The step with its placeholders replaced; raise ``ScenarioError`` if one finds nothing."""

    def found(placeholder: re.Match[str]) -> str:
        kind, expression = placeholder.groups()
        text = results if kind == "re" else prompt
        matches = list(re.finditer(expression, text))
        if not matches:
            where = "the tool results" if kind == "re" else "the prompt"
            raise ScenarioError(f"{placeholder.group()} finds nothing in {where}")
        match = matches[-1]
        return str(match.group(1) or "") if match.re.groups else match.group()

    def fill(value: Any) -> Any:
        if isinstance(value, str):
            return PLACEHOLDER.sub(found, value)
        if isinstance(value, dict):
            return {key: fill(item) for key, item in value.items()}
        return [fill(item) for item in value] if isinstance(value, list) else value

    calls = [Call(call.tool, fill(call.args)) for call in step.calls]
    return msgspec.structs.replace(step, text=fill(step.text), calls=calls)


def _step(where: str, data: object) -> Step:
    try:
        step = msgspec.convert(data, Step)
    except msgspec.ValidationError as error:
        raise ScenarioError(f"{where}: {error}") from None
    for expression in _expressions([step.text, *(call.args for call in step.calls)]):
        try:
            re.compile(expression)
        except re.error as error:
            raise ScenarioError(f"{where}: the expression {expression!r} is wrong: {error}") from None
    if step.usage and step.usage.cached + step.usage.cache_write > step.usage.input:
        raise ScenarioError(f"{where}: usage.input counts cached tokens too, it cannot be less than they are")
    return step


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match.group(2) for match in PLACEHOLDER.finditer(value))
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _expressions(item)
