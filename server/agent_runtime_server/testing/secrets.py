"""Secrets that are not sealed, for tests that look at them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping


class PlainSecrets:
    """The ``Secrets`` port: bound to the task, readable by all."""

    def seal(self, values: Mapping[str, str], task_id: str) -> bytes:
        """The values and their task; empty for no values."""
        return json.dumps([task_id, dict(values)]).encode() if values else b""

    def digest(self, data: bytes) -> bytes:
        """A digest under a key that everybody knows."""
        return hashlib.sha256(b"plain" + data).digest()

    def unseal(self, sealed: bytes, task_id: str) -> Mapping[str, str]:
        """The values. Raises ValueError if they are not for this task or were changed."""
        if not sealed:
            return {}
        owner, values = json.loads(sealed)
        if owner != task_id:
            raise ValueError("secrets of another task")
        unsealed: dict[str, str] = values
        return unsealed
