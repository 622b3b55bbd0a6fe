"""The last page of a recorded test, put together from what Playwright's trace keeps of it."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from agent_runtime_server.adapters.explorer.recording import read_recording

URL = "http://app.test/notes"
FIRST = ["HTML", {}, ["BODY", {}, ["H1", {}, "Notes & more"], ["INPUT", {"name": "note", "value": "old"}]]]
# Nodes are counted from the leaves: text 0, H1 1, INPUT 2, BODY 3, HTML 4.
SECOND = ["HTML", {}, ["BODY", {"onload": "go()"}, [[1, 1]], ["INPUT", {"name": "note", "__playwright_value_": "a<b"}],
          ["SCRIPT", {}, "go()"], ["BR"]]]  # fmt: skip


def shot(html: Any, at: float, url: str = URL, *, main: bool = True) -> dict[str, Any]:
    return {
        "type": "frame-snapshot",
        "snapshot": {"frameId": "f", "frameUrl": url, "timestamp": at, "isMainFrame": main, "html": html},
    }


def answer(status: int, at: float, url: str = URL, kind: str = "fetch") -> dict[str, Any]:
    response = {"status": status, "content": {"mimeType": "text/css", "_file": "resources/a.css"}}
    return {
        "type": "resource-snapshot",
        "snapshot": {
            "request": {"method": "GET", "url": url},
            "response": response,
            "_monotonicTime": at,
            "_resourceType": kind,
        },
    }


def record(path: Path, events: list[dict[str, Any]], answers: list[dict[str, Any]]) -> Path:
    hooks = [{"type": "before", "callId": "h", "title": "After Hooks", "startTime": 100}]
    with zipfile.ZipFile(path / "trace.zip", "w") as packed:
        for name, lines in (("test.trace", hooks), ("0-trace.trace", events), ("0-trace.network", answers)):
            packed.writestr(name, "\n".join(map(json.dumps, lines)))
        packed.writestr("resources/a.css", "p {}")
    return path / "trace.zip"


def click(at: float) -> list[dict[str, Any]]:
    call = f"c{at}"
    return [{"type": "before", "callId": call, "method": "click", "startTime": at}, {"type": "after", "callId": call}]


def test_the_last_page_takes_over_what_has_not_changed(tmp_path: Path) -> None:
    shots = [shot(FIRST, 1), shot(SECOND, 50), shot(["HTML", {}, "later"], 150), shot(["HTML", {}], 60, "about:blank")]
    recording = read_recording(record(tmp_path, shots, [answer(200, 5, f"{URL}/a.css")]))
    assert recording is not None
    assert recording.url == URL
    assert recording.html == (
        '<!doctype html><html><body><h1>Notes &amp; more</h1><input name="note" value="a&lt;b"><br></body></html>'
    )
    assert recording.resources[f"{URL}/a.css"].content == b"p {}"
    assert recording.troubles == ()


def test_what_the_app_did_wrong_since_the_last_action_is_told(tmp_path: Path) -> None:
    broken = {"type": "event", "method": "pageError", "time": 42, "params": {"error": {"error": {"message": "no x"}}}}
    answers = [
        answer(500, 10),
        answer(500, 41),
        answer(404, 42),
        answer(404, 43, f"{URL}/gone", "document"),
        answer(500, 44, "http://other.test/"),
        answer(500, 110),
    ]
    recording = read_recording(record(tmp_path, [shot(FIRST, 1), *click(5), *click(40), broken], answers))
    assert recording is not None
    assert recording.troubles == (
        "GET /notes answers 500",
        "GET /notes/gone answers 404",
        "the page has a script error: no x",
    )


def test_what_is_no_recording_is_none(tmp_path: Path) -> None:
    (tmp_path / "trace.zip").write_bytes(b"no zip")
    assert read_recording(tmp_path / "trace.zip") is None
    assert read_recording(record(tmp_path, [], [])) is None
    assert read_recording(record(tmp_path, [shot([[3, 7]], 1)], [])) is None, "it refers to what is not there"
