"""Ids that the server makes."""

from __future__ import annotations

import secrets
from datetime import datetime


def new_id(now: datetime) -> str:
    """An id for a task or a session: the later, the greater; safe as a file name, and not to be guessed."""
    return f"{int(now.timestamp() * 1000):011x}{secrets.token_hex(5)}"
