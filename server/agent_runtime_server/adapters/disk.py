"""The room on the disks that the server writes to, and a file that keeps some of it back."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Sequence
from pathlib import Path

from agent_runtime_server.patience import to_the_end

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CANNOT_ALLOCATE = frozenset({errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS})
_ZEROS = bytes(1 << 20)


class FolderDisk:
    """The ``Disk`` port over the disks that some folders are on."""

    def __init__(self, folders: Sequence[Path], reserve: Path, reserve_bytes: int) -> None:
        """``folders`` need not be there yet; the file ``reserve`` takes up so many bytes while it is held."""
        self._folders = tuple(folder.absolute() for folder in folders)
        self._reserve = reserve.absolute()
        self._reserve_bytes = reserve_bytes

    async def free(self) -> int:
        """Bytes left, the reserve not counted, on the disk with the fewest. Raises OSError."""
        return await asyncio.to_thread(lambda: min(map(_free, self._folders)))

    async def spend_reserve(self) -> None:
        """Remove the reserve; no error if it is not there. Raises OSError."""
        await to_the_end(asyncio.to_thread(self._reserve.unlink, missing_ok=True))

    async def hold_reserve(self) -> None:
        """Make the reserve, if there is room for it and it is not held already. Raises OSError."""
        await to_the_end(asyncio.to_thread(self._hold))

    def _hold(self) -> None:
        self._reserve.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._reserve, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.truncate(descriptor, min(os.fstat(descriptor).st_size, self._reserve_bytes))
            held = os.fstat(descriptor).st_blocks * 512
            if self._reserve_bytes - held > _free(self._reserve.parent):
                raise OSError(errno.ENOSPC, "no room for the reserve")
            _allocate(descriptor, self._reserve_bytes)
        except OSError as problem:
            self._reserve.unlink(missing_ok=True)
            if problem.errno not in _FULL:
                raise
        finally:
            os.close(descriptor)


def _free(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    state = os.statvfs(existing)
    return state.f_bavail * state.f_frsize


def _allocate(descriptor: int, size: int) -> None:
    """Take up so many bytes. Where the file system cannot promise them, they are written."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as problem:
        if problem.errno not in _CANNOT_ALLOCATE:
            raise
        for start in range(0, size, len(_ZEROS)):
            os.pwrite(descriptor, _ZEROS[: size - start], start)
        os.fsync(descriptor)
