"""What a server asks of the process that it runs in: descriptors, memory that goes back, a calm garbage collector."""

from __future__ import annotations

import ctypes
import gc
import resource
from typing import Any

_DESCRIPTORS = 65_536
"""Open files and sockets at once, if that may be."""
_M_MMAP_THRESHOLD = -3
_MAPPED_BYTES = 256 * 1024
"""From this size on, a block of memory is mapped by itself. A piece of a file is larger, a message of events less."""


def take_descriptors() -> None:
    """Every reader over HTTP has a socket, and the usual limit is a thousand."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if most == resource.RLIM_INFINITY else min(most, _DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def give_back_memory() -> None:
    """What transfers have taken goes back to the system when they end.

    glibc raises its threshold with the largest block that is freed (mallopt(3)); the pieces of files then lie on the
    heap, and one small block above them keeps hundreds of megabytes. Where there is no glibc, nothing is done.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES)


def calm_collector() -> None:
    """Make garbage collection cheap for a process that is a server: call it when the server has started.

    What is loaded stays, and the tasks held in memory are many but not garbage: looking at them all so often would
    take a fifth of the time of a call.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def loop_factory() -> Any:
    """The quickest event loop there is here; None for Python's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
