"""Web applications that others wrote: `make e2e APPS=DIR` tests each one that a script in DIR can install and start.

    bash NAME.sh install FOLDER
    bash NAME.sh start FOLDER PORT      prints "READY URL ..." and runs until SIGTERM

Who signs in, if anybody, is in the environment: NAME_USERNAME and NAME_PASSWORD, in capitals.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.e2e.conftest import COMPLETE_SECONDS, Tables
from tests.line.support import COMPLETE, Server, carry_out
from tests.quality.apps import INSTALL_SECONDS, app, scripts

SCRIPTS = scripts(Path(os.environ["APPS"])).values()


@pytest.mark.timeout(INSTALL_SECONDS + COMPLETE_SECONDS + 200)
@pytest.mark.parametrize("script", SCRIPTS, ids=[script.stem for script in SCRIPTS])
async def test_an_app(script: Path, running: Server, tables: Tables, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = script.stem.upper()
    sign_in = {word: os.environ.get(f"{name}_{word.upper()}", "") for word in ("username", "password")}
    with app(script, tmp_path_factory.mktemp(script.stem)) as started:
        url = started.start()
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
