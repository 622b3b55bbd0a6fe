import json
from pathlib import Path

import pytest

from agent_runtime.v1 import service_pb2, session_pb2
from tests.unit.cli.conftest import Command
from tests.unit.client.fake_service import FakeService
from tests.unit.client.fake_sessions import ARCHIVE


@pytest.fixture(autouse=True)
def sessions(service: FakeService) -> None:
    for name in ("a", "b", "c"):
        service.sessions[name] = session_pb2.Session(id=name, size_bytes=1500, file_count=3)
    service.sessions["b"].active_task_id = "task-1"


def test_a_session_is_made_and_its_id_printed(command: Command, service: FakeService) -> None:
    assert command("sessions", "create").out == "session-4\n"
    assert command("sessions", "create", "mine").out == "mine\n"
    assert json.loads(command("sessions", "create", "-o", "json").out) == {"id": "session-6"}
    assert command("sessions", "create", "mine").code == 2


@pytest.mark.parametrize("how", [("sessions",), ("sessions", "list")])
def test_the_list_goes_through_all_pages_up_to_its_limit(command: Command, how: tuple[str, ...]) -> None:
    lines = command(*how).out.splitlines()
    assert lines[0].split() == ["ID", "CREATED", "CHANGED", "TASK"]
    assert [line.split()[0] for line in lines[1:]] == ["a", "b", "c"]
    assert lines[2].endswith("task-1")
    documents = json.loads(command(*how, "--limit", "2", "-o", "json").out)
    assert [session["id"] for session in documents["sessions"]] == ["a", "b"]


def test_one_is_shown(command: Command) -> None:
    shown = dict(line.split(maxsplit=1) for line in command("sessions", "get", "b").out.splitlines())
    assert (shown["session"], shown["files"], shown["task"]) == ("b", "3 (1.5 kB)", "task-1")
    assert command("sessions", "get", "other").code == 5


def test_one_is_removed_unless_it_is_in_use(command: Command, service: FakeService) -> None:
    assert command("sessions", "delete", "a").out == "session a is deleted\n"
    assert command("sessions", "delete", "b").code == 2
    assert command("sessions", "delete", "a").code == 5
    assert command("sessions", "delete", "a", "--allow-missing").code == 0
    assert service.deleted == ["a"]


def test_an_archive_is_named_after_its_session(
    command: Command, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command("sessions", "archive", "a").out == "a.zip\n"
    assert command("sessions", "archive", "a", "--format", "tar.zst").out == "a.tar.zst\n"
    assert command("sessions", "archive", "a", "-o", "mine/x").out == "mine/x\n"
    for name in ("a.zip", "a.tar.zst", "mine/x"):
        assert (tmp_path / name).read_bytes() == ARCHIVE
    formats = [request.format for request in service.asked(service_pb2.ArchiveSessionRequest)]
    assert formats == [
        service_pb2.ARCHIVE_FORMAT_ZIP,
        service_pb2.ARCHIVE_FORMAT_TAR_ZSTD,
        service_pb2.ARCHIVE_FORMAT_ZIP,
    ]


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a person's own, which is the working directory too."""
    (tmp_path / "suite/tests").mkdir(parents=True)
    (tmp_path / "suite/playwright.config.ts").write_text("export default {}")
    (tmp_path / "suite/tests/cart.spec.ts").write_text("test('cart')")
    (tmp_path / "note.txt").write_text("a note")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "suite"


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("suite",), ["suite/playwright.config.ts", "suite/tests/cart.spec.ts"]),
        (("suite/",), ["playwright.config.ts", "tests/cart.spec.ts"]),
        (
            ("suite/", "note.txt", "--to", "mine"),
            ["mine/playwright.config.ts", "mine/tests/cart.spec.ts", "mine/note.txt"],
        ),
        (("suite/tests/cart.spec.ts", "--to", "tests"), ["tests/cart.spec.ts"]),
        (("suite/tests/../tests/cart.spec.ts",), ["cart.spec.ts"]),
    ],
)
@pytest.mark.usefixtures("suite")
def test_uploads_go_where_they_are_sent(
    command: Command, service: FakeService, arguments: tuple[str, ...], where: list[str]
) -> None:
    ran = command("upload", "a", *arguments)
    assert (ran.code, ran.out.splitlines()) == (0, where)
    assert list(service.files) == where


def test_the_working_directory_is_its_contents(
    command: Command, service: FakeService, suite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(suite)
    assert command("upload", "@latest", ".").code == 0
    assert list(service.files) == ["playwright.config.ts", "tests/cart.spec.ts"]
    assert {header.session_id for header in service.asked(service_pb2.WriteSessionFileHeader)} == {"task-1"}


@pytest.mark.usefixtures("suite")
def test_a_repeated_upload_sends_what_is_missing(command: Command, service: FakeService) -> None:
    service.file_digests = True
    command("upload", "a", "suite/")
    del service.files["tests/cart.spec.ts"]
    assert command("upload", "a", "suite/").out == "tests/cart.spec.ts\n"
    service.files["tests/cart.spec.ts"] = b"of another"
    assert command("upload", "a", "suite/").code == 2
    document = json.loads(command("upload", "a", "suite/", "--overwrite", "-o", "json").out)
    assert (document["session_id"], [file["path"] for file in document["files"]]) == ("a", ["tests/cart.spec.ts"])


def test_what_is_not_there_is_wrong_usage(command: Command, service: FakeService) -> None:
    ran = command("upload", "a", "nothing")
    assert (ran.code, "no file or folder 'nothing'" in ran.err) == (2, True)
    assert service.requests == []
