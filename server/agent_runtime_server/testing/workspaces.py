"""Workspaces without a toolchain. Drivers and runners write files, so even these are folders."""

from __future__ import annotations

from pathlib import Path

from agent_runtime_server.adapters.workspaces import FolderWorkspaces


class PlainWorkspaces(FolderWorkspaces):
    """The ``Workspaces`` port over a temporary folder."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, _NoToolchain())


class _NoToolchain:
    def link(self, workspace: Path) -> None:
        """Nothing to link to: an empty ``node_modules``."""
        (workspace / "node_modules").mkdir(exist_ok=True)
