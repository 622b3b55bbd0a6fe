"""Paths and verbs of the HTTP door: a wrong one is told all the right ones."""

from __future__ import annotations

from pathlib import Path

from tests.rest.support import answer, door


async def test_a_wrong_verb_is_told_the_right_ones(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        for verb, path, allowed in (
            ("PUT", "/v1/tasks/x", {"GET", "HEAD", "PATCH", "DELETE"}),
            ("PATCH", "/v1/tasks/x:cancel", {"POST"}),
            ("DELETE", "/v1/sessions/x:archive", {"GET", "HEAD"}),
            ("POST", "/v1/sessions/x/files/a/b.txt", {"GET", "HEAD", "PUT"}),
        ):
            response = await at.http.request(verb, path)
            assert answer(response, 405)["status"] == 405
            assert set(response.headers["allow"].split(", ")) == allowed, path


async def test_a_verb_that_is_unknown_is_no_part_of_a_name(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        task = await at.create()
        for path in (f"/v1/tasks/{task['id']}:explode", f"/v1/tasks/{task['id']}:"):
            assert path in answer(await at.http.get(path), 404)["message"]
