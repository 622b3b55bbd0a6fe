from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.scaffold import SignedIn, support_files
from agent_runtime_server.adapters.explorer.surroundings import missing_files
from tests.unit.explorer.samples import MODEL, SEARCH

URL = "http://127.0.0.1:1234/"
RECIPE = MODEL.sign_in
STATE_OF_ALL = "storageState: STORAGE_STATE ??"


def put(workspace: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (workspace / path).parent.mkdir(parents=True, exist_ok=True)
        (workspace / path).write_text(text)


def laid_out(workspace: Path, *, signed_in: bool) -> dict[str, str]:
    """What is written, and is there afterwards."""
    files = missing_files(workspace, URL, RECIPE if signed_in else None)
    assert files is not None
    put(workspace, files)
    return files


def starts(config: str) -> SignedIn:
    return "all" if STATE_OF_ALL in config else "some" if "setup" in config else "none"


def test_a_new_workspace_starts_signed_in_if_it_can(tmp_path: Path) -> None:
    files = laid_out(tmp_path, signed_in=True)
    assert starts(files["playwright.config.ts"]) == "all"
    assert {"tests/auth.setup.ts", "tests/sign-in.ts", "tests/seed.spec.ts"} <= files.keys()
    assert laid_out(tmp_path, signed_in=True) == {}
    assert laid_out(tmp_path, signed_in=False) == {}


def test_without_a_sign_in_there_is_no_set_up(tmp_path: Path) -> None:
    files = laid_out(tmp_path, signed_in=False)
    assert starts(files["playwright.config.ts"]) == "none"
    assert "tests/auth.setup.ts" not in files


@pytest.mark.parametrize(("tests", "expected"), [({}, "all"), ({"tests/a.spec.ts": "//"}, "some")])
def test_a_sign_in_that_comes_later_is_added_and_tests_that_are_there_start_as_they_did(
    tests: dict[str, str], expected: str, tmp_path: Path
) -> None:
    laid_out(tmp_path, signed_in=False)
    put(tmp_path, tests)
    files = laid_out(tmp_path, signed_in=True)
    added = {"playwright.config.ts", "tests/fixtures.ts", "tests/sign-in.ts", "tests/auth.setup.ts"}
    assert files.keys() == added
    assert starts(files["playwright.config.ts"]) == expected
    assert "signedInState" in files["tests/fixtures.ts"]


def test_a_suite_of_the_explorer_goes_on_as_it_was(tmp_path: Path) -> None:
    put(tmp_path, {**support_files(MODEL, "http://other.test/", MODEL.flows), "tests/a/own.spec.ts": "//"})
    assert starts((tmp_path / "playwright.config.ts").read_text()) == "some"
    assert laid_out(tmp_path, signed_in=True) == {}


def test_a_suite_that_runs_one_test_at_a_time_goes_on_doing_so(tmp_path: Path) -> None:
    alone = replace(MODEL, one_at_a_time=True, sign_in=None)
    put(tmp_path, {**support_files(alone, URL, (SEARCH,)), "tests/a/own.spec.ts": "//"})
    assert laid_out(tmp_path, signed_in=False) == {}
    config = laid_out(tmp_path, signed_in=True)["playwright.config.ts"]
    assert starts(config) == "some"
    assert "workers: 1," in config.partition("name: 'chromium'")[2]


def test_what_opens_the_gate_of_an_app_stays_wherever_the_app_is(tmp_path: Path) -> None:
    gated = replace(MODEL, http_basic=True, sign_in=None)
    put(tmp_path, {**support_files(gated, "http://other.test/", (SEARCH,)), "tests/a/own.spec.ts": "//"})
    assert "httpCredentials: {" in (tmp_path / "playwright.config.ts").read_text()
    assert laid_out(tmp_path, signed_in=False) == {}
    assert "httpCredentials: {" in laid_out(tmp_path, signed_in=True)["playwright.config.ts"]


def test_what_is_missing_around_a_suite_of_ours_is_added(tmp_path: Path) -> None:
    put(tmp_path, support_files(MODEL, URL, (SEARCH,)))
    (tmp_path / "tests/seed.spec.ts").unlink()
    assert laid_out(tmp_path, signed_in=False).keys() == {"tests/seed.spec.ts"}


@pytest.mark.parametrize(
    "files",
    [
        {"playwright.config.js": "export default {};"},
        {"playwright.config.ts": "export default {};"},
        {"e2e/own.test.js": "//"},
        {"tests/fixtures.ts": "//"},
    ],
    ids=["configured in another way", "configured", "tests elsewhere", "another fixtures.ts"],
)
def test_a_persons_suite_is_left_alone(files: dict[str, str], tmp_path: Path) -> None:
    put(tmp_path, files)
    assert missing_files(tmp_path, URL, RECIPE) is None


def test_a_configuration_of_ours_that_somebody_has_changed_is_theirs(tmp_path: Path) -> None:
    laid_out(tmp_path, signed_in=False)
    config = tmp_path / "playwright.config.ts"
    config.write_text(config.read_text().replace("workers: 1", "workers: 2"))
    assert missing_files(tmp_path, URL, RECIPE) is None


def test_what_a_person_has_uploaded_beside_is_kept(tmp_path: Path) -> None:
    put(tmp_path, {"package.json": '{"type": "module"}', "tests/seed.spec.ts": "// mine", "tests/own.spec.ts": "//"})
    files = laid_out(tmp_path, signed_in=True)
    assert not files.keys() & {"package.json", "tests/seed.spec.ts"}
    assert starts(files["playwright.config.ts"]) == "some"
