"""Runs the shop as a process of its own, for tests and demonstrations."""

import select
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tests.apps.shop.faults import Fault

START_SECONDS = 60
STOP_SECONDS = 5
ROOT = Path(__file__).parents[3]


class ShopNotStarted(RuntimeError):
    """The shop ended, or said nothing in time; the message holds what it wrote to its error output."""


class Shop:
    """A shop that may be started and stopped again and again, one at a time.

    with Shop() as shop:
        url = shop.start(fault=["wrong-total"], look=2)
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def start(self, fault: Sequence[Fault] = (), look: int = 0, seed: int = 0, port: int = 0) -> str:
        """The address of a fresh shop, with `/` at its end. A shop that runs already is stopped first.

        Port 0 takes a free one. Raises `ShopNotStarted`.
        """
        self.stop()
        command = [
            sys.executable,
            "-m",
            "tests.apps.shop",
            "--port",
            str(port),
            "--look",
            str(look),
            "--seed",
            str(seed),
        ]
        command += [part for name in fault for part in ("--fault", name)]
        with tempfile.TemporaryFile("w+") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True)
            line = _line(self._process.stdout)
            if line.startswith("READY "):
                return line.removeprefix("READY ").strip()
            self.stop()
            errors.seek(0)
            raise ShopNotStarted(f"the shop did not start: {errors.read()[-2000:] or line or 'no word from it'}")

    def stop(self) -> None:
        """Ends the shop, if one runs, and waits until it is gone."""
        if self._process is None:
            return
        with self._process as process:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _line(stream: IO[str] | None) -> str:
    """The first line, or an empty text if none comes in time."""
    if stream is None or not select.select([stream], [], [], START_SECONDS)[0]:
        return ""
    return stream.readline()
