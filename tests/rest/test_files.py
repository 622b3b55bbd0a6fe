"""Bytes over HTTP: whole, in parts, conditional, up and down."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agent_runtime_server.domain.results import ArtifactKind, Produced
from agent_runtime_server.rest import files as files_module
from agent_runtime_server.testing.script import Script
from tests.rest.support import PATIENCE, Door, answer, door
from tests.rpc.support import driver_of

BYTES = bytes(range(256)) * 20_000
"""Five megabytes: more than fits into one message."""


@asynccontextmanager
async def session(tmp_path: Path, files: dict[str, bytes]) -> AsyncIterator[tuple[Door, str]]:
    """A server, and the address of the files of a session."""
    async with door(tmp_path) as at:
        made = answer(await at.http.post("/v1/sessions", json={"session_id": "s"}))
        assert made["id"] == "s"
        for path, data in files.items():
            answer(await at.http.put(f"/v1/sessions/s/files/{path}", content=data))
        yield at, "/v1/sessions/s/files"


def said(response: httpx.Response, *names: str) -> list[str | None]:
    """Headers of an answer."""
    return [response.headers.get(name) for name in names]


async def test_a_file_goes_up_and_comes_down(tmp_path: Path) -> None:
    async with session(tmp_path, {}) as (at, files):
        stored = answer(await at.http.put(f"{files}/a/ü b.bin", content=BYTES))
        digest = hashlib.sha256(BYTES).hexdigest()
        assert (stored["path"], stored["size_bytes"], stored["sha256"]) == ("a/ü b.bin", len(BYTES), digest)
        response = await at.http.get(f"{files}/a/ü b.bin")
        assert response.content == BYTES
        assert said(response, "etag", "content-length", "accept-ranges") == [f'"{digest}"', str(len(BYTES)), "bytes"]
        assert said(response, "content-type", "x-content-type-options") == ["application/octet-stream", "nosniff"]
        assert response.headers["content-disposition"] == "attachment; filename*=UTF-8''%C3%BC%20b.bin"
        assert response.headers["content-security-policy"].startswith("sandbox;")
        listed = answer(await at.http.get(files, params={"recursive": "true"}))
        assert [file["path"] for file in listed["files"] if not file["directory"]] == ["a/ü b.bin"]


async def test_an_upload_is_checked_and_overwrites_on_demand_only(tmp_path: Path) -> None:
    async with session(tmp_path, {"a.txt": b"first"}) as (at, files):
        there = answer(await at.http.put(f"{files}/a.txt", content=b"second"), 409)
        assert there["details"][0]["reason"] == "FILE_EXISTS"
        wrong = {"overwrite": "true", "sha256": "0" * 64}
        broken = await at.http.put(f"{files}/a.txt", content=b"second", params=wrong)
        assert broken.json()["details"][0]["reason"] == "DIGEST_MISMATCH"
        assert (await at.http.get(f"{files}/a.txt")).content == b"first"
        right = {"overwrite": "true", "sha256": hashlib.sha256(b"second").hexdigest()}
        answer(await at.http.put(f"{files}/a.txt", content=b"second", params=right))
        assert (await at.http.get(f"{files}/a.txt")).content == b"second"


@pytest.mark.parametrize(
    ("path", "query", "status", "field"),
    [
        ("../out.txt", {}, 404, None),
        ("%2e%2e/%2e%2e/out.txt", {}, 400, None),
        ("a%00b", {}, 400, None),
        ("", {}, 400, "header.path"),
        ("a.txt", {"sha256": "short"}, 400, "header.sha256"),
        ("a.txt", {"overwrite": "maybe"}, 400, "overwrite"),
        ("a.txt", {"mode": "0777"}, 400, "mode"),
        ("a.txt", {"path": "b.txt"}, 400, "path"),
    ],
)
async def test_a_bad_upload_is_refused(
    tmp_path: Path, path: str, query: dict[str, str], status: int, field: str | None
) -> None:
    async with session(tmp_path, {}) as (at, files):
        refused = answer(await at.http.put(f"{files}/{path}", content=b"x", params=query), status)
        named = [
            violation["field"] for detail in refused["details"] for violation in detail.get("field_violations", [])
        ]
        assert named == ([field] if field else [])


async def test_an_upload_that_is_cut_off_leaves_nothing(tmp_path: Path) -> None:
    async with session(tmp_path, {"whole.txt": b"x"}) as (at, files):
        host = at.base_url.removeprefix("http://")
        _reader, writer = await asyncio.open_connection(*host.split(":"))
        head = f"PUT {files}/half.bin HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BYTES)}\r\n\r\n"
        writer.write(head.encode() + BYTES[: len(BYTES) // 2])
        await writer.drain()
        scratch = tmp_path / "workspaces/s/.agent-runtime/scratch"
        async with asyncio.timeout(PATIENCE):
            while not any(scratch.iterdir()):
                await asyncio.sleep(0.01)
            writer.close()
            while any(scratch.iterdir()):
                await asyncio.sleep(0.01)
        listed = answer(await at.http.get(files))
        assert [file["path"] for file in listed["files"] if not file["directory"]] == ["whole.txt"]


async def stalled(at: Door, address: str) -> str:
    """What is answered to an upload that stops short, up to the end of the connection."""
    host = at.base_url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(f"PUT {address} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1000\r\n\r\nabc".encode())
    async with asyncio.timeout(PATIENCE):
        told = await reader.read()
    writer.close()
    return told.decode()


async def test_an_upload_that_stalls_is_given_up_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with session(tmp_path, {"whole.txt": b"x"}) as (at, files):
        monkeypatch.setattr(files_module, "PIECE_SECONDS", 0.5)
        told = await stalled(at, f"{files}/half.bin")
        assert told.startswith("HTTP/1.1 408 ")
        assert "no more of the file has come within 0.5 s" in told
        async with asyncio.timeout(PATIENCE):
            while any((tmp_path / "workspaces/s/.agent-runtime/scratch").iterdir()):
                await asyncio.sleep(0.01)
        listed = answer(await at.http.get(files))
        assert [file["path"] for file in listed["files"] if not file["directory"]] == ["whole.txt"]


async def test_a_refused_upload_is_answered_though_it_stalls(tmp_path: Path) -> None:
    async with session(tmp_path, {}) as (at, files):
        told = await stalled(at, files.replace("/s/", "/nowhere/") + "/a.txt")
        assert told.startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=4000000-", 4_000_000, len(BYTES)),
        ("bytes=-7", len(BYTES) - 7, len(BYTES)),
        ("bytes=-999999999", 0, len(BYTES)),
        ("bytes=5119990-99999999", 5_119_990, len(BYTES)),
        ("bytes=1-3000000", 1, 3_000_001),
    ],
)
async def test_a_part_is_sent(tmp_path: Path, asked: str, start: int, end: int) -> None:
    async with session(tmp_path, {"a.bin": BYTES}) as (at, files):
        response = await at.http.get(f"{files}/a.bin", headers={"range": asked})
        assert response.status_code == 206
        assert response.content == BYTES[start:end]
        assert response.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BYTES)}"


async def test_ranges_that_cannot_be_and_those_that_are_not_understood(tmp_path: Path) -> None:
    async with session(tmp_path, {"a.txt": b"0123456789", "empty.txt": b""}) as (at, files):
        for asked in ("bytes=10-", "bytes=99-100", "bytes=-0"):
            refused = await at.http.get(f"{files}/a.txt", headers={"range": asked})
            assert answer(refused, 416)["code"] == "OUT_OF_RANGE"
            assert refused.headers["content-range"] == "bytes */10"
        assert (await at.http.get(f"{files}/empty.txt", headers={"range": "bytes=0-"})).status_code == 416
        for asked in ("bytes=5-2", "bytes=-", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b"):
            whole = await at.http.get(f"{files}/a.txt", headers={"range": asked})
            assert (whole.status_code, whole.content) == (200, b"0123456789")


async def test_etags_spare_what_is_known(tmp_path: Path) -> None:
    async with session(tmp_path, {"a.txt": b"0123456789"}) as (at, files):
        head = await at.http.head(f"{files}/a.txt")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")
        etag = head.headers["etag"]
        for known in (etag, "*", f'"other", W/{etag}'):
            same = await at.http.get(f"{files}/a.txt", headers={"if-none-match": known})
            assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag)
        other = await at.http.get(f"{files}/a.txt", headers={"if-none-match": '"other"'})
        assert (other.status_code, other.content) == (200, b"0123456789")
        part = {"range": "bytes=8-", "if-range": etag}
        assert (await at.http.get(f"{files}/a.txt", headers=part)).content == b"89"
        answer(await at.http.put(f"{files}/a.txt", content=b"abcdefghij", params={"overwrite": "true"}))
        changed = await at.http.get(f"{files}/a.txt", headers=part)
        assert (changed.status_code, changed.content) == (200, b"abcdefghij")


async def test_the_contracts_own_offsets_work_too(tmp_path: Path) -> None:
    async with session(tmp_path, {"a.txt": b"0123456789"}) as (at, files):
        part = await at.http.get(f"{files}/a.txt", params={"read_offset": 3, "read_limit": 4})
        assert (part.status_code, part.content, part.headers["content-length"]) == (200, b"3456", "4")
        behind = await at.http.get(f"{files}/a.txt", params={"read_offset": 11})
        assert answer(behind, 400)["details"][1]["field_violations"][0]["field"] == "read_offset"


async def test_only_what_is_no_program_is_shown_in_place(tmp_path: Path) -> None:
    kinds = {"a.html": "attachment", "a.svg": "inline", "a.png": "inline", "a.txt": "inline", "a.js": "attachment"}
    async with session(tmp_path, dict.fromkeys(kinds, b"<script>")) as (at, files):
        for name, kind in kinds.items():
            response = await at.http.get(f"{files}/{name}")
            assert response.headers["content-disposition"] == f'{kind}; filename="{name}"'
            assert response.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
        report = await at.http.get("/report/s/a.html")
        assert report.content == b"<script>"
        assert said(report, "content-disposition", "content-type") == ["inline", "text/html; charset=utf-8"]
        assert report.headers["content-security-policy"].startswith("sandbox allow-scripts allow-popups;")
        assert "allow-same-origin" not in report.headers["content-security-policy"]
        answer(await at.http.get("/report/s/none.html"), 404)


@pytest.mark.parametrize(
    ("media_type", "told", "name"),
    [
        ("text/plain\r\nX-Evil: 1", "application/octet-stream", ".bin"),
        ("тест/plain", "application/octet-stream", ".bin"),
        ("", "application/octet-stream", ".bin"),
        ("text/plain; charset=latin-1", "text/plain; charset=latin-1", ".txt"),
        ("application/json", "application/json", ".json"),
    ],
)
async def test_tests_may_call_the_type_of_what_they_attach_what_they_like(
    tmp_path: Path, media_type: str, told: str, name: str
) -> None:
    produced = Produced(ArtifactKind.LOG, "attached", media_type)
    async with door(tmp_path, driver_of(plan=Script([produced], {"attached": "{}"}))) as at:
        task = await at.done((await at.create())["id"])
        listed = answer(await at.http.get(f"/v1/tasks/{task['id']}/artifacts"))["artifacts"]
        (artifact_id,) = [artifact["id"] for artifact in listed if artifact["path"] == "attached"]
        response = await at.http.get(f"/v1/tasks/{task['id']}/artifacts/{artifact_id}:download")
        assert (response.status_code, response.content) == (200, b"{}")
        assert response.headers["content-type"] == told
        assert response.headers["content-disposition"].endswith(f'{name}"')
        assert "x-evil" not in response.headers


async def test_artifacts_and_archives(tmp_path: Path) -> None:
    produced = Produced(ArtifactKind.PLAN, "specs/plan.md", "text/markdown")
    script = Script([produced], {"specs/plan.md": "# Plan\n"})
    async with door(tmp_path, driver_of(plan=script)) as at:
        task = await at.done((await at.create())["id"])
        listed = answer(await at.http.get(f"/v1/tasks/{task['id']}/artifacts"))
        (plan,) = [artifact for artifact in listed["artifacts"] if artifact["kind"] == "plan"]
        address = f"/v1/tasks/{task['id']}/artifacts/{plan['id']}:download"
        response = await at.http.get(address)
        assert response.content == b"# Plan\n"
        typed = "text/markdown; charset=utf-8"
        assert said(response, "etag", "content-type") == [f'"{plan["sha256"]}"', typed]
        assert f'filename="{plan["id"]}.md"' in response.headers["content-disposition"]
        assert (await at.http.get(address, headers={"range": "bytes=2-5"})).content == b"Plan"
        missing = await at.http.get(f"/v1/tasks/{task['id']}/artifacts/none:download")
        assert answer(missing, 404)["details"][0]["reason"] == "ARTIFACT_NOT_FOUND"

        archive = await at.http.get(f"/v1/sessions/{task['session_id']}:archive", headers={"range": "bytes=0-1"})
        assert archive.status_code == 200
        with zipfile.ZipFile(io.BytesIO(archive.content)) as packed:
            assert packed.read("specs/plan.md") == b"# Plan\n"
        assert said(archive, "etag", "content-disposition") == [
            None,
            f'attachment; filename="{task["session_id"]}.zip"',
        ]
        head = await at.http.head(f"/v1/sessions/{task['session_id']}:archive")
        assert (head.status_code, "content-length" in head.headers) == (200, False)
