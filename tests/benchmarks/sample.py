"""One measurement."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one row."""

    limit: float
    ours: float
    ratio: float
    note: str = ""
    idle_cpu: float = 0.0
    """Share of a core that the idle server takes."""
