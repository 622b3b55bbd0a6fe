"""The contract is compared with the last release, in whatever repository."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def git(repository: Path, *arguments: str) -> None:
    person = ("-c", "user.name=n", "-c", "user.email=e")
    subprocess.run(["git", *person, *arguments], cwd=repository, check=True, capture_output=True)


def commit(repository: Path) -> None:
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message=m")


def remove_a_field(repository: Path) -> None:
    proto = repository / "proto/agent_runtime/v1/error.proto"
    lines = proto.read_text().splitlines()
    lines.remove(next(each for each in lines if each.startswith("  ") and each.endswith(" = 1;")))
    proto.write_text("\n".join(lines))


def breaking(repository: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["bin/breaking"], cwd=repository, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    shutil.copytree(ROOT / "proto", folder / "proto")
    (folder / "bin").mkdir()
    shutil.copy(ROOT / "bin/breaking", folder / "bin")
    git(folder, "init", "--quiet")
    return folder


def test_a_change_since_the_last_release_is_found_also_when_it_is_committed(repository: Path) -> None:
    commit(repository)
    git(repository, "tag", "v1.0.0")
    assert breaking(repository).returncode == 0
    remove_a_field(repository)
    assert breaking(repository).returncode != 0
    commit(repository)
    found = breaking(repository)
    assert found.returncode != 0
    assert "error.proto" in found.stdout
    git(repository, "tag", "v2.0.0")
    assert breaking(repository).returncode == 0


def test_without_a_release_there_is_nothing_to_compare_with(repository: Path, tmp_path: Path) -> None:
    assert breaking(repository).returncode == 0, "before the first commit"
    commit(repository)
    git(repository, "tag", "v1.0.0")
    remove_a_field(repository)
    commit(repository)
    shallow = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=1", "--no-tags", repository.as_uri(), str(shallow))
    said = breaking(shallow)
    assert (said.returncode, said.stdout) == (0, "breaking: no release to compare with\n")
