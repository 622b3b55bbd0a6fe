"""Apps that can be started from where they began, again and again, at the same address."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from tests.apps.shop.launch import Shop

INSTALL_SECONDS = 900
STOP_SECONDS = 20


class AppNotStarted(RuntimeError):
    """An app that does not come up; the message has the end of what it said."""


class App(Protocol):
    """An app that runs, or does not yet."""

    def start(self) -> str:
        """Its address, with the seed's data and nothing else; it may run already. Raises AppNotStarted."""


class _Sample:
    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._port = 0

    def start(self) -> str:
        url = self._shop.start(port=self._port)
        self._port = int(url.rstrip("/").rpartition(":")[2])
        return url


class _Scripted:
    """``bash NAME.sh install FOLDER``, ``bash NAME.sh start FOLDER PORT``; see tests/e2e/test_apps.py."""

    def __init__(self, script: Path, folder: Path) -> None:
        self._script = script
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]

    def start(self) -> str:
        done = self._folder / ".installed"
        if not done.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._install()
        url = self._started()
        done.touch()
        return url

    def _install(self) -> None:
        """What counts is whether the app starts: an installer may end with an error that matters to nobody."""
        with (self._folder / "install.log").open("w") as log:
            subprocess.run(
                ["bash", self._script, "install", self._folder],
                stdout=log,
                stderr=subprocess.STDOUT,
                timeout=INSTALL_SECONDS,
                check=False,
            )

    def _started(self) -> str:
        self.stop()
        log = self._folder / "app.log"
        command = ["bash", str(self._script), "start", str(self._folder), str(self._port)]
        with log.open("w") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        # The script itself gives up after a while.
        line = next((line for line in self._process.stdout if line.startswith("READY ")), "")
        if not line:
            self.stop()
            said = "\n".join(file.read_text()[-2000:] for file in (self._folder / "install.log", log) if file.exists())
            raise AppNotStarted(f"{self._script.name} did not start: {said}")
        return line.split()[1]

    def stop(self) -> None:
        """End it, if it runs."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None


def scripts(folder: Path) -> Mapping[str, Path]:
    """The apps that a folder has scripts for."""
    found = sorted(path for path in folder.resolve().glob("*.sh") if not path.name.startswith("_"))
    return {path.stem: path for path in found}


@contextlib.contextmanager
def app(script: Path | None, folder: Path) -> Iterator[App]:
    """An app inside the block, installed in a folder of its own; the sample shop, if there is no script."""
    if script is None:
        with Shop() as shop:
            yield _Sample(shop)
        return
    scripted = _Scripted(script, folder)
    try:
        yield scripted
    finally:
        scripted.stop()
