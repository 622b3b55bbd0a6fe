"""The state directory: where database, key and blobs are, and the lock that keeps it to one server."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class StateDirInUse(Exception):
    """Another server holds the state directory."""


class StateDir:
    """A folder for one server at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.database = self.path / "runtime.db"
        self.key_file = self.path / "secrets.key"
        self.blobs = self.path / "blobs"
        self.agents = self.path / "agents"
        """Folders of running agents."""
        self.signed_in = self.path / "signed-in"
        """States of browsers that are signed in, for running agents."""
        self.owner_file = self.path / "owner"
        """Keeps the number by which the server's processes are known."""
        self.reserve = self.path / "reserve"
        """Room to be given up when the disk is full."""

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Make the folder, for its owner only, and hold it; the lock ends with the process, however that ends.

        Raises StateDirInUse, OSError.
        """
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.chmod(0o700)
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(lock, 32).decode().strip() or "unknown"
                raise StateDirInUse(
                    f"the state directory {self.path} is in use by another server (process {holder}): "
                    "stop that one, or choose another state directory"
                ) from None
            os.truncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
            yield
        finally:
            os.close(lock)
