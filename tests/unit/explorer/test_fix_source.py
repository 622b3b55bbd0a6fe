"""A test's source is changed in one call, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fingerprints import Hidden
from agent_runtime_server.adapters.explorer.fix_source import SourceRepair
from agent_runtime_server.adapters.explorer.known_elements import KnownElements
from agent_runtime_server.adapters.explorer.protocol import Failing
from agent_runtime_server.adapters.explorer.verdict import Verdict
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import button, link, make, page, text_field

PATH = "tests/notes.spec.ts"
SOURCE = """import { expect, test } from '@playwright/test';
test('saves', async ({ page }) => {
  await page.getByLabel("Note").fill('Milk');
  await page.getByRole('button', { name: 'Save', exact: true }).click();
  await expect(page.getByText('Saved')).toBeVisible();
});
"""
SAVE = "getByRole('button', { name: 'Save', exact: true })"
GONE = f"locator.click: Timeout 500ms exceeded.\nCall log:\n  - waiting for {SAVE}\n"


def notes(*parts: Element) -> View:
    menu = make("nav", link("About", "/about"), role="navigation")
    form = make("form", text_field("Note"), *parts)
    return page(menu, make("main", make("h1", "Notes", role="heading", name="Notes"), form, role="main"))


def judged(
    folder: Path,
    view: View | None,
    error: str = GONE,
    *,
    source: str = SOURCE,
    troubles: tuple[str, ...] = (),
    line: int = 4,
) -> Verdict:
    (folder / "tests").mkdir(exist_ok=True)
    (folder / PATH).write_text(source)
    repair = SourceRepair(folder, KnownElements({}), Hidden({}))
    return repair.judge(Failing(id="t", path=PATH, line=4, error=error), troubles, view)


@pytest.mark.parametrize(
    ("now", "written"),
    [
        (button("Save changes"), "getByRole('button', { name: 'Save changes', exact: true })"),
        (button("Store"), "getByRole('button', { name: 'Store', exact: true })"),
        (link("Save", "#"), "getByRole('link', { name: 'Save', exact: true })"),
    ],
)
def test_the_call_is_written_anew(tmp_path: Path, now: Element, written: str) -> None:
    verdict = judged(tmp_path, notes(now))
    assert verdict.sources == {PATH: SOURCE.replace("getByRole('button', { name: 'Save', exact: true })", written)}
    assert verdict.cause == "locator"
    assert "likeness" in verdict.explanation


@pytest.mark.parametrize("left", [(), (button("Cancel", "button"),), (button("Search"), link("Notes"))])
def test_what_is_gone_is_refused_with_the_likest(tmp_path: Path, left: tuple[Element, ...]) -> None:
    verdict = judged(tmp_path, notes(*left))
    assert (verdict.cause, verdict.sources) == ("locator", None)
    assert "About" in verdict.explanation


def test_of_two_the_one_in_its_place_is_told_apart_or_none(tmp_path: Path) -> None:
    error = "locator.click: Error: strict mode violation: getByRole('button', { name: 'Save' }) resolved to 2 elements:"
    source = SOURCE.replace(", exact: true", "")
    verdict = judged(tmp_path, notes(button("Save"), button("Save as copy")), error, source=source)
    assert verdict.sources is not None, verdict.explanation
    assert "name: 'Save', exact: true" in verdict.sources[PATH]
    assert judged(tmp_path, notes(button("Save"), button("Save")), error, source=source).sources is None


def test_a_call_within_another_keeps_what_is_around_it(tmp_path: Path) -> None:
    source = SOURCE.replace("page.getByRole('button'", "page.getByRole('form').getByRole('button'")
    error = GONE.replace("getByRole('button'", "getByRole('form').getByRole('button'")
    verdict = judged(tmp_path, notes(make("form", button("Save it"), role="form")), error, source=source)
    assert verdict.sources is not None, verdict.explanation
    assert "page.getByRole('form').getByRole('button', { name: 'Save it', exact: true })" in verdict.sources[PATH]


def test_a_locator_of_a_page_object_is_found_there(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/page.ts").write_text(f"export const save = (page) => page.{SAVE};")
    verdict = judged(tmp_path, notes(button("Save changes")), source="test('saves', () => save());")
    assert verdict.sources is not None, verdict.explanation
    assert list(verdict.sources) == ["tests/page.ts"]
    assert "'Save changes'" in verdict.sources["tests/page.ts"]


def test_what_is_not_written_out_is_left(tmp_path: Path) -> None:
    verdict = judged(tmp_path, notes(button("Save changes")), source="page.getByRole('button', { name: label })")
    assert verdict.sources is None
    assert "not written out" in verdict.explanation


@pytest.mark.parametrize(
    ("error", "troubles", "cause", "said"),
    [
        (GONE, ("POST /notes answers 500",), "app_defect", "answers 500"),
        (
            "Error: page.goto: net::ERR_CONNECTION_REFUSED at http://app.test/",
            (),
            "app_defect",
            "ERR_CONNECTION_REFUSED",
        ),
        (
            "Error: expect(locator).toHaveText(expected) failed\n\nLocator: getByRole('status')\n"
            'Expected: "3 notes"\nReceived: "4 notes"\n',
            (),
            "assertion",
            'Received: "4 notes"',
        ),
        (
            "locator.click: Timeout\n  - waiting for getByLabel('Note')\n    - locator resolved to <input/>",
            (),
            "timing",
            "",
        ),
        ("Test timeout of 30000ms exceeded.", (), "timing", "exceeded"),
        (
            "expect(locator).toBeVisible() failed\n\nLocator: getByText('Saved')\nError: element(s) not found",
            (),
            "locator",
            "nothing like it",
        ),
    ],
)
def test_what_is_no_locators_fault_is_told(
    tmp_path: Path, error: str, troubles: tuple[str, ...], cause: str, said: str
) -> None:
    verdict = judged(tmp_path, notes(button("Store")), error, troubles=troubles)
    assert (verdict.cause, verdict.sources) == (cause, None), verdict.explanation
    assert said in verdict.explanation
