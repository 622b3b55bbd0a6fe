"""What a workspace lacks around its tests. What is there is a person's, or an agent's, and stays as it is."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from agent_runtime_server.adapters.beneath import opened_folder
from agent_runtime_server.adapters.explorer import helpers_ts
from agent_runtime_server.adapters.explorer.flow import SignInRecipe
from agent_runtime_server.adapters.explorer.scaffold import SIGNED_IN, SignedIn, configuration, suite_files

CONFIG = "playwright.config.ts"
FIXTURES = "tests/fixtures.ts"
_CONFIGS = tuple(f"playwright.config.{ending}" for ending in ("ts", "js", "mts", "mjs", "cts", "cjs"))
_TEST = re.compile(r".+\.(spec|test)\.[cm]?[jt]sx?")
_SEED = "tests/seed.spec.ts"
_ADDRESS = re.compile(r"^ *(baseURL|origin): .*$", re.MULTILINE)
_NO_SOURCES = frozenset({"node_modules", "artifacts"})
_MOST_ENTRIES, _DEEPEST = 100_000, 50
"""As far as tests are looked for."""
MAX_OURS_BYTES = 1 << 16
"""More than any file of ours has."""
OWN_SUITE = "the workspace has a suite of its own: nothing is written around it"


def lay_out(workspace: Path, app_url: str, sign_in: SignInRecipe | None) -> dict[str, str] | None:
    """Write what is missing. Content by path of what was written, None for a suite that a person has set up.

    Raises OSError.
    """
    files = missing_files(workspace, app_url, sign_in)
    if files is None:
        return None
    for path, content in files.items():
        _write(workspace, path, content)
    return files


def missing_files(workspace: Path, app_url: str, sign_in: SignInRecipe | None) -> dict[str, str] | None:
    """Content by path of what is to be written; None for a suite that a person has set up.

    A configuration of ours without a sign-in is replaced as soon as there is one. Tests that are there already go on
    starting as they did: tests start signed in only in workspaces that have none yet.
    """
    tests = [path for path in _tests(workspace) if path != _SEED]
    config = next((path for name in _CONFIGS if (path := workspace / name).is_file()), None)
    standing = _ours(config, app_url) if config else None
    if config is not None and standing is None:
        return None
    before = standing or _Standing("none", one_at_a_time=False, http_basic=False)
    wanted = before.signed_in
    if wanted == "none" and sign_in is not None:
        wanted = "some" if tests else "all"
    files = suite_files(app_url, sign_in, wanted, one_at_a_time=before.one_at_a_time, http_basic=before.http_basic)
    if config is None and (_elsewhere(tests) or _others(workspace, files)):
        return None
    outgrown = {CONFIG} if standing is not None and standing.signed_in != wanted else set()
    if sign_in is not None and _reads(workspace / FIXTURES, helpers_ts.FIXTURES):
        outgrown.add(FIXTURES)
    return {path: text for path, text in files.items() if path in outgrown or not (workspace / path).exists()}


class _Standing(NamedTuple):
    """What a configuration of ours says."""

    signed_in: SignedIn
    one_at_a_time: bool
    http_basic: bool


def _ours(config: Path, app_url: str) -> _Standing | None:
    """Which of our configurations it is, for whatever app; None if somebody has changed it."""
    text = _without_address(_read(config))
    for signed_in, one_at_a_time, http_basic in product(SIGNED_IN, (False, True), (False, True)):
        ours = configuration(app_url, signed_in, one_at_a_time=one_at_a_time, http_basic=http_basic)
        if text == _without_address(ours):
            return _Standing(signed_in, one_at_a_time, http_basic)
    return None


def _without_address(config: str) -> str:
    return _ADDRESS.sub("", config)


def _elsewhere(tests: list[str]) -> bool:
    """Whether there are tests that our configuration would not run."""
    return any(not path.startswith("tests/") for path in tests)


def _others(workspace: Path, files: dict[str, str]) -> bool:
    """Whether something else stands where our sources are to work together."""
    sources = [path for path in files if PurePosixPath(path).parent.name == "tests" and path != _SEED]
    return any((workspace / path).exists() and not _reads(workspace / path, files[path]) for path in sources)


def _reads(file: Path, text: str) -> bool:
    return file.is_file() and _read(file) == text


def _read(file: Path) -> str:
    """No more of a file than shows whether it is one of ours."""
    with file.open("rb") as opened:
        return opened.read(MAX_OURS_BYTES).decode(errors="replace").replace("\r\n", "\n")


def _tests(workspace: Path) -> Iterator[str]:
    seen = 0
    for folder, folders, names in os.walk(workspace):
        seen += len(folders) + len(names)
        if seen > _MOST_ENTRIES:
            return
        within = Path(folder).relative_to(workspace)
        deep = len(within.parts) >= _DEEPEST
        folders[:] = [name for name in folders if not (deep or name in _NO_SOURCES or name.startswith("."))]
        yield from ((within / name).as_posix() for name in names if _TEST.fullmatch(name))


def _write(workspace: Path, path: str, content: str) -> None:
    """Whole or not at all. An agent may have worked here: no link of its making is followed."""
    *folders, name = path.split("/")
    part = f".{name}.{secrets.token_hex(8)}"
    with opened_folder(workspace, folders, make=True) as folder:
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(part, flags, 0o666, dir_fd=folder), "w", encoding="utf-8") as opened:
                opened.write(content)
            os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(part, dir_fd=folder)
