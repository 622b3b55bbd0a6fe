"""One server and one suite for all these tests, and the tables that they print."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.apps.shop.launch import Shop
from tests.line.support import COMPLETE, ROOT, SIGN_IN, Followed, Server, carry_out, server

HERE = Path(__file__).parent
RECORD = ROOT / "docs/e2e.md"
collect_ignore = [] if os.environ.get("APPS") else ["test_apps.py"]
FOCUS = {"instructions": "Focus on login and checkout flows"}
COMPLETE_SECONDS = 900
"""The longest that a `complete` task may take here, on a machine that does other things too."""


class Tables:
    """What was measured, in the order of the tests."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Print a table, and keep it for the record."""
        lines = [header, ["---"] * len(header), *rows]
        text = "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)
        self.texts.append(f"## {title}\n\n{text}\n")
        print(f"\n{title}\n\n{text}")


_TABLES = pytest.StashKey[Tables]()
_WHOLE = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_TABLES] = Tables()
    config.stash[_WHOLE] = False


def pytest_collection_finish(session: pytest.Session) -> None:
    """A run is whole if no file, and no test of a file, was left out."""
    chosen = {item.path for item in session.items}
    options = session.config.option
    session.config.stash[_WHOLE] = chosen >= set(HERE.glob("test_*.py")) - {HERE / "test_apps.py"} and not (
        options.collectonly
        or options.keyword
        or options.markexpr
        or any("::" in argument for argument in session.config.args)
    )


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write the tables of a whole run that went well."""
    if exitstatus == pytest.ExitCode.OK and session.config.stash[_WHOLE]:
        git = ["git", "describe", "--always", "--dirty=, with changes"]
        revision = subprocess.run(git, cwd=ROOT, capture_output=True, text=True).stdout.strip() or "unknown"
        head = f"# End-to-end tests\n\nMeasured by `make e2e` on {datetime.now(UTC):%Y-%m-%d}, revision {revision}.\n"
        RECORD.write_text("\n".join((head, *session.config.stash[_TABLES].texts)), encoding="utf-8")


@pytest.fixture(scope="session")
def tables(pytestconfig: pytest.Config) -> Tables:
    """Where to put what was measured."""
    return pytestconfig.stash[_TABLES]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with one slot: one task at a time has the whole machine."""
    folder = tmp_path_factory.mktemp("e2e")
    with server(folder, slots=1, drain_grace_seconds=0, http_address="127.0.0.1:0") as started:
        yield started


@pytest.fixture(scope="session")
def healthy(running: Server) -> Followed:
    """A suite made on the healthy shop, which passes; its session is for others to work in."""

    async def make() -> Followed:
        with Shop() as shop:
            async with running.client() as client:
                return await carry_out(client, COMPLETE, shop.start(), COMPLETE_SECONDS, **FOCUS, **SIGN_IN)

    followed = asyncio.run(make())
    assert followed.verdict == "COMPLETED PASSED", followed.trouble()
    return followed
