"""Workspaces as plain folders."""

from agent_runtime_server.adapters.workspaces.folders import FolderWorkspaces

__all__ = ["FolderWorkspaces"]
