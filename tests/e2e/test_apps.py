"""Web applications that others wrote: `make e2e APPS=DIR` tests each one that a script in DIR can install and start.

    bash NAME.sh install FOLDER
    bash NAME.sh start FOLDER PORT      prints "READY URL ..." and runs until SIGTERM

Who signs in, if anybody, is in the environment: NAME_USERNAME and NAME_PASSWORD, in capitals.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import COMPLETE_SECONDS, Tables
from tests.line.support import COMPLETE, Server, carry_out

INSTALL_SECONDS = 900
STOP_SECONDS = 20
SCRIPTS = sorted(path for path in Path(os.environ["APPS"]).resolve().glob("*.sh") if not path.name.startswith("_"))


@contextlib.contextmanager
def _started(script: Path, folder: Path) -> Iterator[str]:
    """The address of an application; it is stopped at the end."""
    installed = subprocess.run(
        ["bash", script, "install", folder], capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert installed.returncode == 0, installed.stderr[-3000:]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "app.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            ["bash", script, "start", folder, str(port)], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as application,
    ):
        assert application.stdout is not None
        try:
            # The script itself gives up after a while.
            line = next((line for line in application.stdout if line.startswith("READY ")), "")
            assert line, log.read_text()[-3000:]
            yield line.split()[1]
        finally:
            application.terminate()
            try:
                application.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                application.kill()


@pytest.mark.timeout(INSTALL_SECONDS + COMPLETE_SECONDS + 200)
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
async def test_an_app(script: Path, running: Server, tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = script.stem.upper()
    sign_in = {word: os.environ.get(f"{name}_{word.upper()}", "") for word in ("username", "password")}
    with _started(script, tmp_path_factory.mktemp(script.stem)) as url:
        async with running.client() as client:
            done = await carry_out(client, COMPLETE, url, COMPLETE_SECONDS, **sign_in)
    counts = done.task.result.summary
    tables.add(
        f"The application {script.stem}",
        ["outcome", "tests", "passed", "findings", "seconds"],
        [(done.verdict, counts.total, counts.expected, len(done.task.result.findings), round(done.seconds))],
    )
    print(done.trouble())
    assert done.verdict.startswith("COMPLETED ") or done.task.error.reason, done.trouble()
    assert running.started() == {}
