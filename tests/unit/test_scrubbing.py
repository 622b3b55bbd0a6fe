import base64
import io
import os
import zipfile
from pathlib import Path

import pytest

from agent_runtime_server.adapters import scrubbing
from agent_runtime_server.adapters.scrubbing import scrub
from agent_runtime_server.domain.redaction import MASK, Redactor
from tests.line.secrets import places_of

SECRET = 'Passw0rd-"1'
REDACT = Redactor([SECRET]).redact_content
PNG = b"\x89PNG\r\n\x1a\n\xff" + SECRET.encode()
"""Not a text: its bytes are nobody's secret, but by chance."""


def packed(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def unpacked(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


TYPED = f'{{"value": {SECRET!r}}}'.encode()
REQUEST = b"mail=ada&password=Passw0rd-%221"
TRACE = packed({"test.trace": TYPED, "resources/body.dat": REQUEST, "resources/picture.png": PNG})


async def test_secrets_go_from_texts_archives_and_reports(tmp_path: Path) -> None:
    page = b"<script>1</script><template>data:application/zip;base64,"
    report = page + base64.b64encode(TRACE) + b"</template>"
    files = {"junit.xml": TYPED, "data/trace.zip": TRACE, "outer.zip": packed({"in.zip": TRACE}), "index.html": report}
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert len(places_of(SECRET, tmp_path)) > len(files)
    await scrub(tmp_path, tmp_path, REDACT)
    assert [place for place in places_of(SECRET, tmp_path) if not place.endswith("picture.png")] == []
    assert places_of("%221", tmp_path) == []
    trace = unpacked((tmp_path / "data/trace.zip").read_bytes())
    assert trace["resources/body.dat"] == f"mail=ada&password={MASK}".encode()
    assert trace["resources/picture.png"] == PNG
    assert (tmp_path / "index.html").read_bytes().startswith(page + b"UE")
    assert {path.name for path in tmp_path.iterdir()} == {"junit.xml", "data", "outer.zip", "index.html"}


async def test_what_holds_no_secret_is_not_touched(tmp_path: Path) -> None:
    clean = {
        "a.zip": packed({"text": b"nothing"}),
        "b.txt": "für alle".encode(),
        "c.zip": b"PK\x03\x04 broken",
        "d": PNG,
    }
    for name, content in clean.items():
        (tmp_path / name).write_bytes(content)
        os.utime(tmp_path / name, (1, 1))
    await scrub(tmp_path, tmp_path, REDACT)
    assert {name: (tmp_path / name).read_bytes() for name in clean} == clean
    assert {(tmp_path / name).stat().st_mtime for name in clean} == {1}


async def test_links_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    folder.mkdir()
    outside.write_bytes(TYPED)
    (folder / "link").symlink_to(outside)
    await scrub(tmp_path, folder, REDACT)
    await scrub(tmp_path, folder / "link", REDACT)
    assert outside.read_bytes() == TYPED


async def test_nor_are_links_that_somebody_puts_there_meanwhile(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "root" / "folder"
    for place in (outside, folder):
        place.mkdir(parents=True)
        (place / "a.txt").write_bytes(TYPED)

    def redact_and_swap(content: bytes) -> bytes:
        folder.rename(tmp_path / "root" / "moved")
        folder.symlink_to(outside)
        return REDACT(content)

    await scrub(tmp_path / "root", folder / "a.txt", redact_and_swap)
    assert (outside / "a.txt").read_bytes() == TYPED
    assert [path.name for path in outside.iterdir()] == ["a.txt"]


async def test_what_cannot_be_looked_through_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrubbing, "MAX_BYTES", 100)
    for name, content in {"big.txt": b"x" * 101, "bomb.zip": packed({"zeros": b"0" * 101})}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(OSError, match="too large to be searched"):
            await scrub(tmp_path, tmp_path / name, REDACT)


async def test_a_file_that_is_too_large_does_not_save_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scrubbing, "MAX_BYTES", 100)
    (tmp_path / "a.txt").write_bytes(b"x" * 101)
    (tmp_path / "b.txt").write_bytes(TYPED)
    with pytest.raises(OSError, match="too large to be searched"):
        await scrub(tmp_path, tmp_path, REDACT)
    assert places_of(SECRET, tmp_path) == []


async def test_what_goes_away_meanwhile_is_no_error(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(name.encode() + TYPED)

    def redact_and_remove(content: bytes) -> bytes:
        if content.startswith(b"b"):
            (tmp_path / "b").unlink()
        return REDACT(content)

    await scrub(tmp_path, tmp_path, redact_and_remove)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "c"}
    assert places_of(SECRET, tmp_path) == []


async def test_whoever_packs_the_folder_meanwhile_finds_nothing_else_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "index.html").write_bytes(TYPED)
    seen: list[str] = []
    rename = os.replace

    def look_and_rename(part: str, name: str, **folders: int) -> None:
        assert folder.parent.joinpath(part).read_bytes() == REDACT(TYPED)
        seen.extend(file.name for file in folder.rglob("*"))
        rename(part, name, **folders)

    monkeypatch.setattr(os, "replace", look_and_rename)
    await scrub(tmp_path, folder, REDACT)
    assert seen == ["data", "index.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["report"]
