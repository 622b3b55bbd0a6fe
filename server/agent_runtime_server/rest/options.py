"""What the door is told of the server that it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class LegacyConfig:
    """What the old dialect tells of the configuration: as it was given, never a secret or an absolute path."""

    provider: str
    model: str
    opencode_path: str
    session_root: str
    environment: str


@dataclass(frozen=True, kw_only=True)
class DoorOptions:
    """How the door behaves."""

    version: str
    cors_origins: tuple[str, ...]
    """Origins whose pages may call with credentials; ``("*",)`` for all, without."""
    legacy: LegacyConfig
    trace_viewer: Path
    """Folder of Playwright's trace viewer; it need not be there."""
    deadline_seconds: float
    """Longest unary call."""
