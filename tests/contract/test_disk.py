"""What every disk does; and what its reserve is, for the one that is really there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent_runtime_server.adapters.disk import FolderDisk
from agent_runtime_server.ports import Disk
from agent_runtime_server.testing.disk import NumberedDisk

MIB = 1 << 20


@dataclass
class Tank:
    """A disk, and what its reserve really takes up."""

    disk: Disk
    held: Callable[[], int]


def really_held(reserve: Path) -> int:
    return reserve.stat().st_blocks * 512 if reserve.exists() else 0


def tank(kind: str, folder: Path, reserve_bytes: int) -> Tank:
    if kind == "numbers":
        numbers = NumberedDisk(100 * MIB, reserve_bytes)
        return Tank(numbers, lambda: numbers.held)
    reserve = folder / "state" / "reserve"
    return Tank(FolderDisk([folder, folder / "not" / "there"], reserve, reserve_bytes), lambda: really_held(reserve))


@pytest.fixture(params=["folder", "numbers"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_a_reserve_is_held_and_spent(kind: str, tmp_path: Path) -> None:
    tanked = tank(kind, tmp_path, 3 * MIB)
    disk = tanked.disk
    await disk.spend_reserve()
    assert tanked.held() == 0
    for _ in range(2):
        await disk.hold_reserve()
        await disk.hold_reserve()
        assert tanked.held() // MIB == 3
        assert await disk.free() > 0
        await disk.spend_reserve()
        await disk.spend_reserve()
        assert tanked.held() == 0


async def test_a_reserve_that_there_is_no_room_for_is_not_held(kind: str, tmp_path: Path) -> None:
    tanked = tank(kind, tmp_path, 1 << 60)
    await tanked.disk.hold_reserve()
    assert tanked.held() == 0
    assert 0 < await tanked.disk.free() < 1 << 60


async def test_no_reserve_is_no_error(kind: str, tmp_path: Path) -> None:
    tanked = tank(kind, tmp_path, 0)
    await tanked.disk.hold_reserve()
    assert tanked.held() == 0


async def test_the_numbers_add_up() -> None:
    disk = NumberedDisk(100, 30)
    await disk.hold_reserve()
    assert await disk.free() == 70
    await disk.spend_reserve()
    assert await disk.free() == 100


async def test_the_disk_with_the_fewest_bytes_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.statvfs

    def statvfs(path: Path) -> os.statvfs_result:
        blocks = {"a": 700, "b": 30}[path.name]
        whole = list(real(path))
        whole[1], whole[3], whole[4] = 4096, blocks + 500, blocks  # some blocks are for the administrator only
        return os.statvfs_result(whole)

    monkeypatch.setattr(os, "statvfs", statvfs)
    for name in "ab":
        (tmp_path / name).mkdir()
    disk = FolderDisk([tmp_path / "a", tmp_path / "b" / "not" / "there"], tmp_path / "a" / "reserve", MIB)
    assert await disk.free() == 30 * 4096


async def test_a_reserve_of_another_size_is_fitted(tmp_path: Path) -> None:
    reserve = tmp_path / "reserve"
    for size in (3 * MIB, MIB, 2 * MIB):
        await FolderDisk([tmp_path], reserve, size).hold_reserve()
        assert reserve.stat().st_size == size
        assert really_held(reserve) // MIB == size // MIB


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.EINVAL])
async def test_where_room_cannot_be_promised_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(refusal, "not here")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    reserve = tmp_path / "reserve"
    await FolderDisk([tmp_path], reserve, 2 * MIB + 4096).hold_reserve()
    assert reserve.stat().st_size == 2 * MIB + 4096
    assert really_held(reserve) >= 2 * MIB + 4096


async def test_a_disk_that_gets_full_meanwhile_holds_no_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, *_: int) -> None:
        os.pwrite(descriptor, b"x", 0)
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    await FolderDisk([tmp_path], tmp_path / "reserve", MIB).hold_reserve()
    assert not (tmp_path / "reserve").exists()


async def test_what_else_goes_wrong_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    disk = FolderDisk([tmp_path], tmp_path / "file" / "reserve", MIB)
    with pytest.raises(OSError, match="file"):
        await disk.hold_reserve()
