"""Passwords and keys to look for, wherever they could have got to."""

from __future__ import annotations

import base64
import re
import secrets
import tarfile
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from agent_runtime.client import AgentRuntimeClient
from agent_runtime.paging import pages
from agent_runtime.v1 import service_pb2
from tests.e2e.command import command
from tests.line.secrets import places_of


@dataclass
class Story:
    """Tasks with passwords, and what callers were told."""

    folder: Path
    canaries: dict[str, str] = field(default_factory=dict)
    """Core of each password, by what it was used for."""
    tasks: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Texts of errors."""

    def password(self, name: str) -> str:
        """A new password."""
        core = secrets.token_hex(8)
        self.canaries[name] = core
        return f'P&s <{core}> "ü"/+'

    def found(self, *folders: Path) -> dict[str, list[str]]:
        """Places below some folders, by canary that is there."""
        found = {
            name: [place for folder in folders for form in forms(core) for place in places_of(form, folder)]
            for name, core in self.canaries.items()
        }
        return {name: places for name, places in found.items() if places}

    def in_texts(self, texts: Sequence[str]) -> list[str]:
        """Canaries that are in one of the texts."""
        whole = "\n".join(texts)
        return [name for name, core in self.canaries.items() if any(form in whole for form in forms(core))]


def forms(core: str) -> list[str]:
    """As it is, and in base64 at each of the places of a group; without the ends, which depend on what is around."""
    shifted = [base64.b64encode(b"\0" * shift + core.encode()).decode() for shift in range(3)]
    return [core, *(text[4:20] for text in shifted)]


def register(url: str, fields: dict[str, str]) -> None:
    """Make a customer of the shop, as a browser does."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    form_url = urllib.parse.urljoin(url, "/register")
    with browser.open(form_url) as form:
        hidden = re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form.read().decode())
    with browser.open(form_url, urllib.parse.urlencode({**dict(hidden), **fields}).encode()) as done:
        assert done.url != form_url, "it was taken"


async def read_everything(client: AgentRuntimeClient, story: Story, address: str, read: Path) -> None:
    """Put all that callers can read into a folder, archives unpacked."""
    read.mkdir()
    for name, task_id in story.tasks.items():
        for views in ("get", "results", "logs", "watch", "files"):
            said = await command(address, views, task_id, "-o", "json")
            (read / f"{name}-{views}.txt").write_text(said.out + said.err)
        (read / f"{name}-task.bin").write_bytes((await client.get_task(task_id)).SerializeToString())
        (read / f"{name}-events.bin").write_bytes(await _events(client, task_id))
        said = await command(address, "download", task_id, "-o", str(read / name))
        assert said.code == 0, said.err
    for session in (await client.list_sessions()).sessions:
        await client.archive_session(session.id, read / f"{session.id}.zip")
        packed = await client.archive_session(session.id, read / "packed", service_pb2.ARCHIVE_FORMAT_TAR_ZSTD)
        with zstandard.open(packed, "rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            tar.extractall(read / f"{session.id}-tar", filter="data")


async def _events(client: AgentRuntimeClient, task_id: str) -> bytes:
    """All events of a task, as they came."""
    fetched = pages(lambda token: client.list_task_events(task_id, page_token=token))
    return b"".join([page.SerializeToString() async for page in fetched])
