"""Suites as files: what they are known by, and in which order they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.quality.cache import Cache
from tests.quality.suites import Suite, SuiteBroken, outcome_of

FILES = [f"tests/{folder}{name}.spec.ts" for folder in ("", "a/", "b/") for name in ("one", "two", "three")]
SHARED = ["tests/fixtures.ts", "tests/seed.spec.ts", "tests/auth.setup.ts"]


def suite_in(folder: Path) -> Suite:
    for name in [
        *FILES,
        *SHARED,
        "specs/model.json",
        "tests/.agent-runtime/known.json",
        ".auth/state.json",
        "artifacts/trace.zip",
    ]:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"// {name}\n")
    return Suite(folder)


def test_a_suite_is_known_by_its_sources(tmp_path: Path) -> None:
    suite = suite_in(tmp_path / "suite")
    copy = suite.copied(tmp_path / "copy")
    assert copy.digest == suite.digest
    assert not (copy.folder / ".auth").exists()
    assert not (copy.folder / "artifacts").exists()
    assert (copy.folder / "tests/.agent-runtime/known.json").exists()
    (copy.folder / "tests/a/one.spec.ts").write_text("// other\n")
    assert copy.digest != suite.digest
    suite.copied_over(copy.folder, [str(file.relative_to(suite.folder / "tests")) for file in suite.specs()])
    assert copy.digest == suite.digest


def test_some_tests_are_copied_with_what_all_share(tmp_path: Path) -> None:
    suite, folder = suite_in(tmp_path / "suite"), tmp_path / "other"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests/old.spec.ts").write_text("// old\n")
    (folder / "specs").mkdir()
    (folder / "specs/model.json").write_text("// what a repair has changed\n")
    suite.copied_over(folder, ["a/one.spec.ts"])
    copied = {str(file.relative_to(folder)) for file in folder.glob("tests/**/*.spec.ts") if ".setup." not in file.name}
    assert copied == {"tests/a/one.spec.ts"} | {name for name in SHARED if name.endswith(".spec.ts")}
    assert all((folder / name).exists() for name in SHARED if name.startswith("tests/"))
    assert (folder / "specs/model.json").read_text() == (suite.folder / "specs/model.json").read_text()


def test_another_order_has_the_same_tests_at_the_same_depth(tmp_path: Path) -> None:
    suite = suite_in(tmp_path / "suite")
    shuffled = suite.shuffled(tmp_path / "shuffled", 1)
    paths = [str(file.relative_to(shuffled.folder)) for file in shuffled.specs()]
    plain = ["/".join(part.partition("~")[2] or part for part in path.split("/")) for path in paths]
    assert sorted(plain) == sorted(FILES)
    assert plain != [str(file.relative_to(suite.folder)) for file in suite.specs()]
    assert all((shuffled.folder / name).exists() for name in SHARED)


def test_answers_outlive_a_line_that_was_broken_off(tmp_path: Path) -> None:
    file = tmp_path / "new" / "cache.jsonl"
    cache = Cache(file)
    assert ("one", 1) not in cache
    cache.put(("one", 1), {"passed": ["a"]})
    with file.open("a") as lines:
        lines.write('\n["broken')
    again = Cache(file)
    assert again.get(("one", 1)) == {"passed": ["a"]}
    again.put(("two", 2), [])
    assert ("two", 2) in Cache(file)


def test_a_run_that_ends_with_its_set_up_is_no_broken_suite() -> None:
    result = {"status": "failed", "startTime": "2026-01-01T00:00:00Z", "duration": 1}
    spec = {"file": "auth.setup.ts", "title": "sign in", "line": 1, "ok": False, "tests": [{"results": [result]}]}
    stopped = {"errors": [{"message": "Testing stopped early"}]}
    outcome = outcome_of({**stopped, "suites": [{"title": "auth.setup.ts", "specs": [spec]}]})
    assert (outcome.set_up_failed, outcome.failed) == (True, frozenset())
    with pytest.raises(SuiteBroken):
        outcome_of(stopped)


def test_what_a_test_said_is_kept() -> None:
    spec: dict[str, object] = {"file": "a.spec.ts", "title": "works", "line": 3, "ok": False}
    result = {"status": "failed", "startTime": "2026-01-01T00:00:00Z", "duration": 1, "errors": [{"message": "no"}]}
    outcome = outcome_of({"suites": [{"title": "a.spec.ts", "specs": [spec | {"tests": [{"results": [result]}]}]}]})
    assert outcome.errors == {"a.spec.ts > works": "no"}
