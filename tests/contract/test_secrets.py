"""What every keeper of secrets does; sealing, for the one that seals."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_runtime_server.adapters.sealing import FileKeySecrets
from agent_runtime_server.ports import Secrets
from agent_runtime_server.testing.secrets import PlainSecrets


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return tmp_path / "secrets.key"


@pytest.fixture(params=["file", "plain"])
def secrets(request: pytest.FixtureRequest, key_file: Path) -> Secrets:
    return FileKeySecrets(key_file) if request.param == "file" else PlainSecrets()


@given(values=st.dictionaries(st.text(), st.text(), min_size=1), task_id=st.text())
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_what_is_sealed_comes_back_for_its_task_only(secrets: Secrets, values: dict[str, str], task_id: str) -> None:
    sealed = secrets.seal(values, task_id)
    assert secrets.unseal(sealed, task_id) == values
    with pytest.raises(ValueError, match=r".+"):
        secrets.unseal(sealed, task_id + "x")


def test_no_values_are_no_bytes(secrets: Secrets) -> None:
    assert secrets.seal({}, "t1") == b""
    assert secrets.unseal(b"", "t1") == {}


def test_damage_is_noticed(secrets: Secrets) -> None:
    sealed = secrets.seal({"password": "hunter2"}, "t1")
    for damaged in (sealed[:-1], sealed[:5], b"\0" * len(sealed)):
        with pytest.raises(ValueError, match=r".+"):
            secrets.unseal(damaged, "t1")


def test_sealed_values_cannot_be_read_and_differ_each_time(key_file: Path) -> None:
    secrets = FileKeySecrets(key_file)
    first, second = (secrets.seal({"password": "hunter2"}, "t1") for _ in range(2))
    assert first != second
    assert b"hunter2" not in first


def test_every_bit_counts(key_file: Path) -> None:
    secrets = FileKeySecrets(key_file)
    sealed = secrets.seal({"password": "hunter2"}, "t1")
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises(ValueError, match="changed"):
            secrets.unseal(bytes(changed), "t1")


def test_the_key_is_made_once_and_for_its_owner_only(key_file: Path) -> None:
    sealed = FileKeySecrets(key_file).seal({"a": "b"}, "t1")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert list(key_file.parent.iterdir()) == [key_file]
    assert FileKeySecrets(key_file).unseal(sealed, "t1") == {"a": "b"}


def test_writers_that_start_together_use_one_key(key_file: Path) -> None:
    keepers = [FileKeySecrets(key_file) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        sealed = list(pool.map(lambda keeper: keeper.seal({"a": "b"}, "t1"), keepers))
    assert all(FileKeySecrets(key_file).unseal(each, "t1") == {"a": "b"} for each in sealed)


def test_a_lost_or_other_key_opens_nothing(key_file: Path) -> None:
    sealed = FileKeySecrets(key_file).seal({"a": "b"}, "t1")
    key_file.unlink()
    with pytest.raises(ValueError, match="gone"):
        FileKeySecrets(key_file).unseal(sealed, "t1")
    FileKeySecrets(key_file).seal({"a": "b"}, "t2")
    with pytest.raises(ValueError, match="key"):
        FileKeySecrets(key_file).unseal(sealed, "t1")


def test_a_key_that_others_may_read_is_refused(key_file: Path) -> None:
    FileKeySecrets(key_file).seal({"a": "b"}, "t1")
    key_file.chmod(0o644)
    with pytest.raises(PermissionError, match="chmod 600"):
        FileKeySecrets(key_file).seal({"a": "b"}, "t1")


def test_a_file_that_is_no_key_is_refused(key_file: Path) -> None:
    key_file.write_bytes(b"short")
    key_file.chmod(0o600)
    with pytest.raises(ValueError, match="32 bytes"):
        FileKeySecrets(key_file).seal({"a": "b"}, "t1")


def test_a_server_without_secrets_does_not_load_cryptography() -> None:
    code = "import sys; import agent_runtime_server.adapters.sealing; sys.exit('cryptography' in sys.modules)"
    folder = Path(__file__).parents[2] / "server"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(folder)}, check=False).returncode == 0


def test_a_digest_tells_equal_from_unequal(secrets: Secrets) -> None:
    assert secrets.digest(b"body") == secrets.digest(b"body")
    assert secrets.digest(b"body") != secrets.digest(b"bodY")


def test_a_digest_hangs_on_the_key(tmp_path: Path) -> None:
    one, other = FileKeySecrets(tmp_path / "one"), FileKeySecrets(tmp_path / "other")
    assert one.digest(b"body") == FileKeySecrets(tmp_path / "one").digest(b"body")
    assert one.digest(b"body") != other.digest(b"body")
