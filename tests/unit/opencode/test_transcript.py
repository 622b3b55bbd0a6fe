"""Files in a workspace whose links are an agent's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from agent_runtime_server.adapters.opencode import transcript
from agent_runtime_server.adapters.opencode.beneath import appended
from agent_runtime_server.adapters.opencode.transcript import append_transcript


@pytest.mark.parametrize("path", ["", "..", "../out", "in/../../out", "/etc/hosts", "link", "folder/out", "pipe", "in"])
def test_nothing_else_is_opened(tmp_path: Path, path: str) -> None:
    workspace = tmp_path / "workspace"
    (workspace / "in").mkdir(parents=True)
    (tmp_path / "out").write_text("secret")
    (workspace / "link").symlink_to(tmp_path / "out")
    (workspace / "folder").symlink_to(tmp_path)
    os.mkfifo(workspace / "pipe")
    with pytest.raises(OSError), appended(workspace, path):  # noqa: PT011 - which one depends on what is there
        pass
    assert (tmp_path / "out").read_text() == "secret"


def test_conversations_are_appended_one_message_a_line(tmp_path: Path) -> None:
    append_transcript(tmp_path, "artifacts/transcript-1.jsonl", "first", [{"info": {"id": 1}, "parts": []}])
    append_transcript(tmp_path, "artifacts/transcript-1.jsonl", "second", [{"info": {"id": 2}, "parts": ["\n"]}])
    lines = (tmp_path / "artifacts" / "transcript-1.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"conversation": "first"},
        {"info": {"id": 1}, "parts": []},
        {"conversation": "second"},
        {"info": {"id": 2}, "parts": ["\n"]},
    ]


def test_a_transcript_has_a_bound_and_says_so_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transcript, "MAX_BYTES", 1000)
    monkeypatch.setattr(transcript, "MAX_LINE", 500)
    for _ in range(3):
        append_transcript(tmp_path, "t.jsonl", "long", [{"text": "x" * 300}, {"text": "y" * 3000}, {"text": "z" * 300}])
    lines = [json.loads(line) for line in (tmp_path / "t.jsonl").read_text().splitlines()]
    assert {"truncated": "a message of 3012 bytes"} in lines
    assert lines[-1] == {"truncated": "the transcript has reached 1000 bytes"}
    assert len([line for line in lines if "reached" in str(line)]) == 1
    assert (tmp_path / "t.jsonl").stat().st_size < 1000 + 500 + 100
