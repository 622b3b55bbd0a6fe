"""The process that stands over one process tree: starts the command, keeps its limits, and leaves nothing of it behind.

A program of its own, standard library only: ``python -I -S supervisor.py CONTROL_FD PARENT_PID MARK``. Standard input,
output and error are the command's. Everything else goes over the control socket as JSON lines:

    in   {"argv", "cwd", "env", "memory_bytes", "open_files", "file_bytes", "seconds"}   first, once
         {"interrupt": true}                                                             SIGINT for the command alone
         {"stop": grace in seconds}                                                      at any time, also again
    out  {"started": pid}  or  {"errno", "filename"}                                     the answer to the first line
         {"exit": {"code", "signal", "reason"}}                                          when the command has ended
         {"gone": [pids]}                         the end: every descendant is reaped, but for those that would not die

It is the child subreaper of all that the command starts, so whatever detaches from the command (a new session, a double
fork, a cleared environment) becomes its child. As long as it has no child, it has no descendant: that is its proof.
When the control socket closes, the server has died, and the tree goes too. MARK is for the case that server and
supervisor die in the same moment: see ``leftovers``.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Any, Literal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
RLIMIT_LOCKS = 10
"""A limit without effect since Linux 2.4.25: it carries the mark, as whatever a process starts inherits it."""

SAMPLE_SECONDS = 1.0
"""How often the tree's memory is measured."""
SWEEP_SECONDS = 10.0
"""How long killed processes may take to go."""
RECHECK_SECONDS = 0.1
"""How long a sweep waits for a process to end before it looks for new ones."""
OOM_SCORE = b"500"
"""If memory runs out on the machine, a task's processes are taken before the server."""
PAGE = resource.getpagesize()

Reason = Literal["exited", "killed", "memory", "time"]

_libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, value: int) -> None:
    """Set a property of this process."""
    if _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def descendants(root: int) -> dict[int, int]:
    """Live processes below ``root``, with the bytes of memory each has resident."""
    children: dict[int, list[int]] = {}
    resident: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib would double the start-up time
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                stat = file.read()
        except OSError:
            continue
        # The name of the program, in brackets, may itself hold spaces and brackets.
        state, parent, *fields = stat[stat.rindex(b")") + 2 :].split()
        children.setdefault(int(parent), []).append(int(name))
        threads, pages = int(fields[15]), int(fields[19])
        # A zombie with threads is a process whose first thread alone has ended.
        if state not in b"ZX" or threads > 1:
            resident[int(name)] = pages * PAGE
    found: dict[int, int] = {}
    queue = [root]
    while queue:
        for pid in children.get(queue.pop(), ()):
            queue.append(pid)
            if pid in resident:
                found[pid] = resident[pid]
    return found


def start(job: dict[str, Any]) -> int:
    """Start the command; returns its process id. Raises OSError if it cannot be executed."""
    supervisor = os.getpid()
    failed, fail = os.pipe()  # closed by a successful exec
    pid = os.fork()
    if pid == 0:
        try:
            become(job, supervisor)
        except OSError as error:
            os.write(fail, json.dumps({"errno": error.errno, "filename": os.fsdecode(error.filename)}).encode())
        except ValueError:  # a zero byte in an argument
            os.write(fail, json.dumps({"errno": errno.EINVAL, "filename": job["argv"][0]}).encode())
        finally:
            os._exit(127)
    os.close(fail)
    with os.fdopen(failed, "rb") as file:
        problem = file.read()
    if problem:
        os.waitpid(pid, 0)
        told = json.loads(problem)
        raise OSError(told["errno"], os.strerror(told["errno"]), told["filename"])
    return pid


def become(job: dict[str, Any], supervisor: int) -> None:
    """Turn this fresh child into the command."""
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != supervisor:
        os._exit(127)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) is not None:
            signal.signal(number, signal.SIG_DFL)
    limit(resource.RLIMIT_CORE, 0)
    limit(resource.RLIMIT_NOFILE, job["open_files"])
    limit(resource.RLIMIT_FSIZE, job["file_bytes"])
    with open("/proc/self/oom_score_adj", "wb") as file:  # noqa: PTH123
        file.write(OOM_SCORE)
    os.chdir(job["cwd"])
    os.execvpe(job["argv"][0], job["argv"], job["env"])  # noqa: S606


def limit(what: int, wanted: int) -> None:
    """Set a resource limit, as far as the one in force allows."""
    hard = resource.getrlimit(what)[1]
    value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(what, (value, value))


class Supervisor:
    """Watches the command, listens to the server and sweeps up."""

    def __init__(self, control: socket.socket) -> None:
        self._control: socket.socket | None = control
        self._received = b""
        self._command = 0
        self._ended = False
        self._reason: Reason = "exited"
        self._stop_at: float | None = None
        """When processes that were asked to end are killed; None until a stop is asked for."""
        self._signals, wake = os.pipe()
        os.set_blocking(wake, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def run(self, job: dict[str, Any]) -> None:
        """Start the command, see it to its end, and kill what is left of it."""
        try:
            self._command = start(job)
        except OSError as error:
            self._send({"errno": error.errno, "filename": error.filename})
            return
        finally:
            nothing = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):  # the command's alone from here on, so that its end is seen
                os.dup2(nothing, descriptor)
            os.close(nothing)
        self._send({"started": self._command})
        self._reason = self._watch(job["memory_bytes"], job["seconds"])
        if self._reason == "killed":
            self._ask_to_end()
        self._send({"gone": self._sweep()})

    def _watch(self, memory_bytes: int, seconds: float | None) -> Reason:
        """Wait until the command ends or must be ended."""
        now = time.monotonic()
        end = float("inf") if seconds is None else now + seconds
        sample = now + SAMPLE_SECONDS
        while True:
            self._reap()
            now = time.monotonic()
            if self._ended:
                return "exited"
            if self._stop_at is not None:
                return "killed"
            if now >= end:
                return "time"
            if now >= sample:
                if sum(descendants(os.getpid()).values()) > memory_bytes:
                    return "memory"
                sample = now + SAMPLE_SECONDS
            self._pause(min(end, sample) - now)

    def _ask_to_end(self) -> None:
        """Send SIGTERM to the tree and wait until it is gone or the grace is over."""
        self._signal(signal.SIGTERM)
        while self._reap() and self._stop_at is not None and (left := self._stop_at - time.monotonic()) > 0:
            self._pause(left)

    def _sweep(self) -> list[int]:
        """Kill until no child is left; returns those that would not die in time."""
        deadline = time.monotonic() + SWEEP_SECONDS
        while self._reap():
            if time.monotonic() > deadline:
                return sorted(descendants(os.getpid()))
            self._signal(signal.SIGSTOP)  # what is stopped cannot fork while the others are killed
            self._signal(signal.SIGKILL)
            self._pause(RECHECK_SECONDS)
        return []

    def _signal(self, number: signal.Signals) -> None:
        for pid in descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except (ProcessLookupError, PermissionError):
                continue  # gone already, or another user's: it shows as a survivor

    def _reap(self) -> bool:
        """Collect ended children; whether any child is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._command:
                self._ended = True
                number = os.waitstatus_to_exitcode(status)
                code, killer = (number, None) if number >= 0 else (None, -number)
                self._send({"exit": {"code": code, "signal": killer, "reason": self._reason}})

    def _pause(self, seconds: float) -> None:
        """Wait for a signal, a message or the time to pass, and take in what came."""
        sources: list[Any] = [self._signals, *([self._control] if self._control else [])]
        ready = select.select(sources, [], [], min(seconds, SAMPLE_SECONDS))[0]
        if self._signals in ready and signal.SIGTERM in os.read(self._signals, 4096):
            self._lose_server()  # sent by the kernel when the server dies
        if self._control in ready:
            self._listen()

    def _listen(self) -> None:
        assert self._control is not None
        try:
            data = self._control.recv(65536)
        except OSError:
            data = b""
        if not data:
            return self._lose_server()
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return None

    def _obey(self, message: dict[str, Any]) -> None:
        if "stop" in message:
            until = time.monotonic() + message["stop"]
            self._stop_at = until if self._stop_at is None else min(until, self._stop_at)
        elif not self._ended:
            os.kill(self._command, signal.SIGINT)

    def _lose_server(self) -> None:
        self._control = None
        self._stop_at = time.monotonic()

    def _send(self, message: dict[str, object]) -> None:
        if self._control is not None:
            try:
                self._control.sendall(json.dumps(message).encode() + b"\n")
            except OSError:
                self._lose_server()


def first_line(control: socket.socket) -> bytes:
    """The job; nothing follows it before it is answered. Empty if the server has gone."""
    received = bytearray()
    while not received.endswith(b"\n"):
        data = control.recv(65536)
        if not data:
            return b""
        received += data
    return bytes(received)


def main() -> None:
    """Supervise one command."""
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    if mark := int(sys.argv[3]):
        limit(RLIMIT_LOCKS, mark)
    supervisor = Supervisor(control)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(sys.argv[2]):
        return
    if job := first_line(control):
        supervisor.run(json.loads(job))


if __name__ == "__main__":
    main()
