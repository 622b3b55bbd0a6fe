"""A session: the workspace that tasks work in, one after another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """One session."""

    id: str
    create_time: datetime
    update_time: datetime
    """When a task or an upload last changed it."""
    active_task_id: str = ""
    """The task that holds it now; empty when none does."""
