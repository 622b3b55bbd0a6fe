"""Servers and loads as processes of their own, each ended with its group."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

STEP_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load."""

    address: str
    http_address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """CPU time that it has used."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def resident_bytes(self) -> int:
        """Its resident memory."""
        return int(self.process.memory_info().rss)


@contextmanager
def started(*command: str) -> Iterator[Server]:
    """A server process; its first line ends with the address, or with two: of HTTP and of gRPC."""
    child = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert child.stdout is not None
        line = child.stdout.readline().split()
        if not line:
            raise RuntimeError(f"{command} did not start")
        yield Server(line[-1], line[-2], psutil.Process(child.pid))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        if child.stdout:
            child.stdout.close()


@contextmanager
def raw_server() -> Iterator[Server]:
    """The ceiling."""
    with started("-m", "tests.benchmarks.raw") as server:
        yield server


@contextmanager
def http_peer(kind: str) -> Iterator[Server]:
    """What the HTTP door is measured against."""
    with started("-m", "tests.benchmarks.http_peers", kind) as server:
        yield server


@contextmanager
def our_server(dispatching: str = "embedded", http_address: str = "none") -> Iterator[Server]:
    """The real server on an empty state directory."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        started("-m", "tests.benchmarks.ours", folder, dispatching, http_address) as server,
    ):
        yield server


class Loads:
    """Client processes that work at the same time; each prints one JSON line when it is done."""

    def __init__(self, commands: Sequence[Sequence[str]]) -> None:
        self._children = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.benchmarks.load", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for command in commands
        ]

    def line(self) -> list[Any]:
        """The next line of each; a step that takes longer than STEP_SECONDS is killed."""
        lines = []
        for child in self._children:
            assert child.stdout is not None
            watchdog = threading.Timer(STEP_SECONDS, child.kill)
            watchdog.start()
            line = child.stdout.readline()
            watchdog.cancel()
            if not line:
                raise RuntimeError("a load process died")
            lines.append(json.loads(line))
        return lines

    def release(self) -> None:
        """Let them go on after a line that waits."""
        for child in self._children:
            assert child.stdin is not None
            child.stdin.write("\n")
            child.stdin.flush()

    def close(self) -> None:
        """End them."""
        for child in self._children:
            if child.stdin:
                child.stdin.close()
            child.kill()
            child.wait()
            if child.stdout:
                child.stdout.close()


@contextmanager
def loads(*commands: Sequence[str]) -> Iterator[Loads]:
    """Run client processes."""
    group = Loads(commands)
    try:
        yield group
    finally:
        group.close()


def seconds_to_first_answer(command: Sequence[str], ask: Any) -> float:
    """From the start of a server's process to its first answered call."""
    begin = time.perf_counter()
    with started(*command) as server:
        ask(server.address)
        return time.perf_counter() - begin
