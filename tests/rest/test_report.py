"""Pages of a session, made by who knows whom, in a real Chromium: they run, but not as one of us."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.rest.support import PATIENCE, answer, door

PAGE = """<!doctype html><html lang="en"><HEAD><title>Report</title></HEAD><body><pre></pre>
<img src="data/a.svg" alt="">
<script>
const tried = async (what) => { try { return await what(); } catch (error) { return error.name; } };
(async () => {
  localStorage.setItem('theme', 'dark');
  document.querySelector('pre').textContent = JSON.stringify({
    stored: localStorage.getItem('theme'),
    missing: localStorage.getItem('none'),
    cookie: await tried(() => document.cookie),
    api: await tried(async () => (await fetch('/v1/tasks')).status),
    create: await tried(async () => (await fetch('/tasks', { method: 'POST', body: '{}' })).status),
    other: await tried(async () => (await fetch('/report/other/data/a.txt')).status),
    own: await tried(async () => (await fetch('data/a.txt')).text()),
    image: await tried(() => document.querySelector('img').decode().then(() => 'drawn')),
    origin: self.origin,
  });
  document.title = 'done';
})();
</script></body></html>"""
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>'


@pytest.mark.timeout(400)
async def test_a_report_runs_without_being_one_of_us(tmp_path: Path) -> None:
    async with door(tmp_path) as at, open_browser() as browser:
        for session, path, text in (
            ("s", "report/index.html", PAGE),
            ("s", "report/data/a.txt", "attached"),
            ("s", "report/data/a.svg", PICTURE),
            ("other", "data/a.txt", "of others"),
        ):
            await at.http.post("/v1/sessions", json={"session_id": session})
            answer(await at.http.put(f"/v1/sessions/{session}/files/{path}", content=text.encode()))
        page = await browser.new_page()
        await page.goto(f"{at.base_url}/report/s/report/index.html")
        await page.wait_for_function("document.title === 'done'", timeout=PATIENCE * 1000)
        assert json.loads(await page.inner_text("pre")) == {
            "stored": "dark",
            "missing": None,
            "cookie": "SecurityError",
            "api": "TypeError",
            "create": "TypeError",
            "other": "TypeError",
            "own": "attached",
            "image": "drawn",
            "origin": "null",
        }
        assert answer(await at.http.get("/v1/tasks"))["total_tasks"] == 0


async def test_a_report_is_sent_as_it_is_but_for_its_storage(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        await at.http.post("/v1/sessions", json={"session_id": "s"})
        for name, text in (("a.html", PAGE), ("no-head.html", "<p>x"), ("empty.html", "")):
            answer(await at.http.put(f"/v1/sessions/s/files/{name}", content=text.encode()))
            shown = await at.http.get(f"/report/s/{name}", headers={"range": "bytes=0-1"})
            before, script, after = shown.text.partition("<script>\nfor")
            assert before + after.partition("</script>")[2] == text
            assert bool(script) == ("<HEAD>" in text)
            assert (shown.status_code, "etag" in shown.headers) == (200, False)
            head = await at.http.head(f"/report/s/{name}")
            assert (head.status_code, head.headers["content-type"]) == (200, "text/html; charset=utf-8")
            assert "content-length" not in head.headers
