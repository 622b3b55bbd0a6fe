"""Ports for servers that are started again at the address that they had."""

from __future__ import annotations

import itertools
import os
import socket

_FIRST, _EACH, _WORKERS = 20_000, 1_000, 12
"""All below 32768, where systems begin to give out ports: there, whoever asks for any port may get one that is free
for a moment only."""
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
# Other sessions on this machine have other process ids, and begin elsewhere.
_next = itertools.count(os.getpid())


def port_to_come_back_to() -> int:
    """A free port of this test worker's own, which nobody else takes while it is left."""
    for number in itertools.islice(_next, _EACH):
        port = _FIRST + _worker * _EACH + number % _EACH
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
    raise OSError("all ports of this test worker are taken")
