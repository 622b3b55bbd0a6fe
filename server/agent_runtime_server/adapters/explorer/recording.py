"""What Playwright's recording of a failed test (``trace.zip``) shows: the page as it was then, and what had gone wrong.

The format is that of version 10, which Playwright 1.65 writes. Its snapshots are trees that take over unchanged parts
from those before them.
"""

from __future__ import annotations

import html
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from playwright.async_api import Browser, Route

from agent_runtime_server.adapters.explorer.perceive import perceive
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, origin_of
from agent_runtime_server.adapters.explorer.view import View

MAX_BYTES = 64 << 20
"""Of one part of a recording; what is larger is not looked at."""
_VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
_OMITTED = frozenset({"SCRIPT", "NOSCRIPT", "IFRAME", "FRAME"})
_RAW = frozenset({"STYLE"})
_LOAD_MS = 5000
_PAGE_ERROR = "pageError"
_MOVING = frozenset({"goto", "click", "dblclick", "tap", "press", "reload", "check", "uncheck", "selectOption"})


class Stored(NamedTuple):
    """What the app had answered."""

    media_type: str
    content: bytes


@dataclass(frozen=True)
class Recording:
    """A failed test's last page."""

    url: str
    html: str
    resources: Mapping[str, Stored]
    """Styles that the page had loaded, by URL."""
    troubles: Sequence[str]
    """What the app itself did wrong just before the test failed, in words."""


def read_recording(path: Path) -> Recording | None:
    """What a recording shows; None if it has no page, or is none that is understood. Raises OSError."""
    try:
        with zipfile.ZipFile(path) as packed:
            return _read(packed)
    except (zipfile.BadZipFile, msgspec.MsgspecError, KeyError, TypeError, IndexError, ValueError):
        return None


async def show(browser: Browser, recording: Recording) -> View:
    """The page of a recording as it was seen; nothing of it acts or asks the app for anything."""
    context = await browser.new_context(java_script_enabled=False)
    try:
        page = await context.new_page()

        async def answer(route: Route) -> None:
            url = route.request.url
            if url == recording.url:
                await route.fulfill(body=recording.html, content_type="text/html; charset=utf-8")
            elif (stored := recording.resources.get(url)) is not None:
                await route.fulfill(body=stored.content, content_type=stored.media_type)
            else:
                await route.abort()

        await page.route("**/*", answer)
        await page.goto(recording.url, timeout=_LOAD_MS)
        return await perceive(await context.new_cdp_session(page), recording.url)
    finally:
        await context.close()


def _read(packed: zipfile.ZipFile) -> Recording | None:
    names = [info.filename for info in packed.infolist() if info.file_size <= MAX_BYTES]
    events = [event for name in names if name.endswith("-trace.trace") for event in _lines(packed, name)]
    answers = [line["snapshot"] for name in names if name.endswith(".network") for line in _lines(packed, name)]
    end = _end(_lines(packed, "test.trace")) if "test.trace" in names else float("inf")
    shots = [event["snapshot"] for event in events if event["type"] == "frame-snapshot"]
    shown = [shot for shot in shots if shot["isMainFrame"] and shot["timestamp"] <= end]
    shown = [shot for shot in shown if shot["frameUrl"].startswith("http")]
    if not shown:
        return None
    last = shown[-1]
    same_frame = [shot for shot in shots if shot["frameId"] == last["frameId"]]
    since = _last_move(events, end)
    return Recording(
        url=last["frameUrl"],
        html=_Renderer(same_frame).page(same_frame.index(last)),
        resources=dict(_styles(packed, names, answers)),
        troubles=tuple(_troubles(events, answers, origin_of(last["frameUrl"]), since, end)),
    )


def _lines(packed: zipfile.ZipFile, name: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line, type=dict[str, Any]) for line in packed.read(name).splitlines() if line.strip()]


def _end(events: Sequence[Mapping[str, Any]]) -> float:
    """When the test's own work was over, in milliseconds of the recording's clock."""
    hooks = (e["startTime"] for e in events if e["type"] == "before" and e.get("title") == "After Hooks")
    return next(hooks, float("inf"))


def _last_move(events: Sequence[Mapping[str, Any]], end: float) -> float:
    """When the last action began that was done and may have led to another page."""
    failed = {event["callId"] for event in events if event["type"] == "after" and "error" in event}
    moves = [
        event["startTime"]
        for event in events
        if event["type"] == "before" and event.get("method") in _MOVING and event["callId"] not in failed
    ]
    return max((start for start in moves if start <= end), default=0.0)


def _troubles(
    events: Sequence[Mapping[str, Any]], answers: Sequence[Mapping[str, Any]], origin: str, since: float, end: float
) -> Iterator[str]:
    for answer in answers:
        request, status = answer["request"], answer["response"]["status"]
        broken = status >= SERVER_ERROR or (status in (404, 410) and answer.get("_resourceType") == "document")
        if broken and since <= answer["_monotonicTime"] <= end and origin_of(request["url"]) == origin:
            yield f"{request['method']} {request['url'].removeprefix(origin)} answers {status}"
    for event in events:
        if event["type"] == "event" and event.get("method") == _PAGE_ERROR and since <= event["time"] <= end:
            error = event["params"].get("error", {})
            message = str((error.get("error") or error).get("message", "")) or "unknown"
            yield f"the page has a script error: {message.splitlines()[0][:200]}"


def _styles(
    packed: zipfile.ZipFile, names: Sequence[str], answers: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[str, Stored]]:
    for answer in answers:
        content = answer["response"]["content"]
        if (name := content.get("_file")) in names and "css" in content.get("mimeType", ""):
            yield answer["request"]["url"], Stored(content["mimeType"], packed.read(name))


class _Renderer:
    """Writes snapshots of one frame as HTML."""

    def __init__(self, shots: Sequence[Mapping[str, Any]]) -> None:
        self._shots = shots
        self._nodes: dict[int, list[Any]] = {}

    def page(self, number: int) -> str:
        return "<!doctype html>" + "".join(self._write(self._shots[number]["html"], number, ""))

    def _write(self, node: Any, number: int, parent: str) -> Iterator[str]:
        if isinstance(node, str):
            yield node if parent in _RAW else html.escape(node, quote=False)
        elif isinstance(node[0], list):
            before, index = node[0]
            yield from self._write(self._nodes_of(number - before)[index], number - before, parent)
        else:
            yield from self._element(node, number)

    def _element(self, node: list[Any], number: int) -> Iterator[str]:
        name, attributes, *children = [*node, {}][: max(2, len(node))]
        if name in _OMITTED or not re.fullmatch(r"[\w:-]+", name):
            return
        tag = name.lower()
        yield f"<{tag}{''.join(_attributes(attributes))}>"
        if tag in _VOID:
            return
        if tag == "textarea":
            yield html.escape(str(attributes.get("__playwright_value_", "")), quote=False)
        else:
            for child in children:
                yield from self._write(child, number, name)
        yield f"</{tag}>"

    def _nodes_of(self, number: int) -> list[Any]:
        """The nodes that a snapshot has of its own, children before their parents."""
        if number < 0:
            raise IndexError("a snapshot before the first")
        if number not in self._nodes:
            self._nodes[number] = list(_own_nodes(self._shots[number]["html"]))
        return self._nodes[number]


def _own_nodes(node: Any) -> Iterator[Any]:
    if isinstance(node, str):
        yield node
    elif not isinstance(node[0], list):
        for child in node[2:]:
            yield from _own_nodes(child)
        yield node


def _attributes(attributes: Mapping[str, str]) -> Iterator[str]:
    for name, value in attributes.items():
        match name:
            case "__playwright_value_":
                yield f' value="{html.escape(str(value))}"'
            case "__playwright_checked_" | "__playwright_selected_":
                if value == "true":
                    yield f" {name.strip('_').removeprefix('playwright_')}"
            case "value" if "__playwright_value_" in attributes:
                pass
            case _ if not name.startswith(("on", "__playwright")) and re.fullmatch(r"[\w:.@-]+", name):
                yield f' {name}="{html.escape(str(value))}"'
