"""What streams send, made once for all who read it: bounded by bytes, the least used goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

MAX_BYTES = 32 * 1024 * 1024
_DIGEST_BYTES = 16
_ENTRY_BYTES = 200
"""What an entry costs besides its frame."""

Make = Callable[[bytes], bytes]
"""A message's bytes as what is sent of it, its frame."""


class Frames:
    """Frames by the message that they are made of, so that readers of one task share them however they came to it."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._frames: OrderedDict[tuple[Make, bytes], bytes] = OrderedDict()
        self.held_bytes = 0

    def of(self, make: Make, message: bytes) -> bytes:
        """The frame that ``make`` makes of a message."""
        key = (make, blake2b(message, digest_size=_DIGEST_BYTES).digest())
        frame = self._frames.get(key)
        if frame is not None:
            self._frames.move_to_end(key)
            return frame
        frame = make(message)
        self._frames[key] = frame
        self.held_bytes += len(frame) + _ENTRY_BYTES
        while self.held_bytes > self._max_bytes:
            _, oldest = self._frames.popitem(last=False)
            self.held_bytes -= len(oldest) + _ENTRY_BYTES
        return frame
