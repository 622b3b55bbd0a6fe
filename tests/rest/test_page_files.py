"""What the page is made of, as it is sent; the trace viewer beside it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent_runtime_server.rest.page import STATIC
from tests.contract.runner_fixtures import toolchain
from tests.rest.support import door

_IMPORTED = re.compile(r'(?:from|import) "([^"]+)"|(?:href|src)="(/[^"]+)"|url\("([^"]+)"\)')


async def test_browsers_get_the_page_and_programs_do_not(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        page = await served.http.get("/", headers={"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.status_code == 200
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert "accept" in page.headers["vary"].split(", ")
        assert (await served.http.head("/", headers={"accept": "text/html"})).status_code == 200
        for accept in ("*/*", "application/json"):
            assert (await served.http.get("/", headers={"accept": accept})).json()["docs"] == "/docs"


async def test_only_scripts_of_its_own_run(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        for path in ("/", "/ui/main.js", "/vendor/marked/marked.js"):
            headers = (await served.http.get(path, headers={"accept": "text/html"})).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self';" in policy
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
    html = (STATIC / "ui/index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=", html)


async def test_everything_that_the_page_asks_for_is_there(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        asked = {"/ui/index.html"}
        waiting = list(asked)
        while waiting:
            path = waiting.pop()
            response = await served.http.get(path)
            assert response.status_code == 200, path
            if not path.endswith((".html", ".js", ".css")) or path.startswith("/vendor/"):
                continue
            found = {next(filter(None, groups)) for groups in _IMPORTED.findall(response.text)}
            fresh = {str(response.url.join(each).path) for each in found} - asked - {"/docs"}
            asked |= fresh
            waiting += fresh
    own = {f"/ui/{file.relative_to(STATIC / 'ui').as_posix()}" for file in (STATIC / "ui").rglob("*.*")}
    assert own <= asked, "files that nothing asks for"


async def test_files_are_asked_for_again_and_sent_again_when_they_have_changed(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        first = await served.http.get("/ui/main.js")
        assert first.headers["content-type"].startswith("text/javascript")
        assert first.headers["cache-control"] == "no-cache"
        again = await served.http.get("/ui/main.js", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["content-security-policy"] == first.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/ui/nothing.js", "/ui/%2e%2e/page.py", "/ui/..%2f..%2fpage.py", "/vendor/%2e%2e%2f"])
async def test_nothing_else_is_sent(tmp_path: Path, path: str) -> None:
    async with door(tmp_path) as served:
        assert (await served.http.get(path)).status_code == 404


async def test_without_playwright_the_viewer_says_so(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        answer = await served.http.get("/trace/")
        assert answer.status_code == 404
        assert "bin/bootstrap" in answer.text


async def test_the_trace_viewer_is_served(tmp_path: Path) -> None:
    async with door(tmp_path) as served:
        (tmp_path / "toolchain").symlink_to(toolchain().directory)
        moved = await served.http.get("/trace?trace=%2Fa%26b")
        assert (moved.status_code, moved.headers["location"]) == (307, f"{served.base_url}/trace/?trace=%2Fa%26b")
        viewer = await served.http.get("/trace/")
        assert "<title>Playwright Trace Viewer</title>" in viewer.text
        policy = viewer.headers["content-security-policy"]
        assert re.search(r"script-src 'self' 'sha256-[A-Za-z0-9+/]{43}=';", policy)
        assert (await served.http.get("/trace/sw.bundle.js")).headers["content-security-policy"] == policy
