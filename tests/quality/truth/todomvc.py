"""The main flows of TodoMVC. It has no server to speak of: outcomes are spoilt by scripts in its page."""

from __future__ import annotations

from playwright.async_api import Locator, Page, expect

from tests.quality.changes import Script
from tests.quality.truth import Flow, Instruction, Truth, named

HOME = "/examples/backbone/"
_FIRST, _SECOND = "buy milk", "call Ada"


async def _with(page: Page, *texts: str) -> None:
    await page.goto(HOME)
    for text in texts:
        await page.get_by_placeholder("What needs to be done?").fill(text)
        await page.get_by_placeholder("What needs to be done?").press("Enter")


def _items(page: Page) -> Locator:
    return page.locator("#todo-list li:visible")


def _item(page: Page, text: str) -> Locator:
    return _items(page).filter(has_text=text)


async def _tick(page: Page, text: str) -> None:
    await _item(page, text).locator(".toggle").click()


async def _filter(page: Page, name: str) -> None:
    await page.get_by_role("link", name=name, exact=True).click()


async def _edit(page: Page, text: str, other: str, key: str) -> None:
    await _item(page, text).locator("label").dblclick()
    await page.locator("li.editing .edit").fill(other)
    await page.locator("li.editing .edit").press(key)


async def add(page: Page) -> None:
    """One more item."""
    await _with(page, _FIRST)
    await expect(_items(page)).to_have_text([_FIRST])


async def add_several(page: Page) -> None:
    """Two items, and they are counted."""
    await _with(page, _FIRST, _SECOND)
    await expect(_items(page)).to_have_text([_FIRST, _SECOND])
    await expect(page.get_by_text("2 items left")).to_be_visible()


async def add_blank(page: Page) -> None:
    """Blanks are no item."""
    await _with(page, _FIRST, "   ")
    await expect(_items(page)).to_have_count(1)


async def complete(page: Page) -> None:
    """What is done, looks so and no longer counts."""
    await _with(page, _FIRST)
    await _tick(page, _FIRST)
    await expect(page.get_by_text("0 items left")).to_be_visible()


async def uncomplete(page: Page) -> None:
    """It can be taken back."""
    await _with(page, _FIRST)
    await _tick(page, _FIRST)
    await _tick(page, _FIRST)
    await expect(page.get_by_text("1 item left")).to_be_visible()


async def edit(page: Page) -> None:
    """A double click lets the text be changed."""
    await _with(page, _FIRST)
    await _edit(page, _FIRST, _SECOND, "Enter")
    await expect(_items(page)).to_have_text([_SECOND])


async def edit_cancelled(page: Page) -> None:
    """Escape leaves the text as it was."""
    await _with(page, _FIRST)
    await _edit(page, _FIRST, _SECOND, "Escape")
    await expect(_items(page)).to_have_text([_FIRST])


async def delete(page: Page) -> None:
    """Gone."""
    await _with(page, _FIRST, _SECOND)
    await _item(page, _FIRST).hover()
    await _item(page, _FIRST).locator(".destroy").click()
    await expect(_items(page)).to_have_text([_SECOND])


async def filter_active(page: Page) -> None:
    """Only what is to be done."""
    await _with(page, _FIRST, _SECOND)
    await _tick(page, _FIRST)
    await _filter(page, "Active")
    await expect(_items(page)).to_have_text([_SECOND])


async def filter_completed(page: Page) -> None:
    """Only what is done."""
    await _with(page, _FIRST, _SECOND)
    await _tick(page, _FIRST)
    await _filter(page, "Completed")
    await expect(_items(page)).to_have_text([_FIRST])


async def filter_all(page: Page) -> None:
    """All of them again."""
    await _with(page, _FIRST, _SECOND)
    await _tick(page, _FIRST)
    await _filter(page, "Active")
    await _filter(page, "All")
    await expect(_items(page)).to_have_text([_FIRST, _SECOND])


async def clear_completed(page: Page) -> None:
    """What is done goes away."""
    await _with(page, _FIRST, _SECOND)
    await _tick(page, _FIRST)
    await page.get_by_role("button", name="Clear completed").click()
    await expect(_items(page)).to_have_text([_SECOND])


async def toggle_all(page: Page) -> None:
    """All at once."""
    await _with(page, _FIRST, _SECOND)
    await page.locator("#toggle-all").click()
    await expect(page.get_by_text("0 items left")).to_be_visible()


async def persist(page: Page) -> None:
    """The list outlives a reload."""
    await _with(page, _FIRST)
    await page.reload()
    await expect(_items(page)).to_have_text([_FIRST])


def _on(event: str, selector: str, do: str = "event.stopImmediatePropagation();", when: str = "true") -> str:
    """A script that gets hold of an event before the app does."""
    meant = f"event.target.matches?.('{selector}') && ({when})"
    return f"addEventListener('{event}', (event) => {{ if ({meant}) {{ {do} }} }}, true);"


_KEPT = "event.stopImmediatePropagation();"
_HASH = (
    "addEventListener('hashchange', (event) => {{ if (location.hash === '{}') event.stopImmediatePropagation(); }}, "
    "true);"
)

TRUTH = Truth(
    flows=named(
        Flow(add, (Script("items are not added", _on("keypress", "#new-todo", when="event.key === 'Enter'")),)),
        Flow(
            add_several,
            (
                Script(
                    "more than one are counted wrongly",
                    "new MutationObserver(() => { const it = document.querySelector('#todo-count strong');"
                    " if (it && !it.done && Number(it.textContent) > 1) { it.done = true; it.textContent = '7'; } })"
                    ".observe(document, { childList: true, subtree: true });",
                ),
            ),
        ),
        Flow(
            add_blank,
            (
                Script(
                    "blank items are added",
                    _on(
                        "keypress",
                        "#new-todo",
                        "event.target.value = 'nothing';",
                        "event.key === 'Enter' && !event.target.value.trim()",
                    ),
                ),
            ),
        ),
        Flow(complete, (Script("ticks are not noticed", _on("click", ".toggle", _KEPT, "event.target.checked")),)),
        Flow(
            uncomplete,
            (Script("ticks cannot be taken back", _on("click", ".toggle", _KEPT, "!event.target.checked")),),
        ),
        Flow(
            edit,
            (
                Script(
                    "edits are lost",
                    _on(
                        "keypress", ".edit", "event.target.value = event.target.defaultValue;", "event.key === 'Enter'"
                    ),
                ),
            ),
        ),
        Flow(
            edit_cancelled,
            (
                Script(
                    "escape saves",
                    _on("keydown", ".edit", _KEPT + " event.target.blur();", "event.key === 'Escape'"),
                ),
            ),
        ),
        Flow(delete, (Script("items are not deleted", _on("click", ".destroy")),)),
        Flow(filter_active, (Script("active shows all", _HASH.format("#/active")),)),
        Flow(filter_completed, (Script("completed shows all", _HASH.format("#/completed")),)),
        Flow(filter_all, (Script("all shows some", _HASH.format("#/")),)),
        Flow(clear_completed, (Script("completed ones stay", _on("click", "#clear-completed")),)),
        Flow(toggle_all, (Script("not all are ticked", _on("click", "#toggle-all")),)),
        Flow(
            persist,
            (
                Script(
                    "a reload forgets",
                    "if (sessionStorage.getItem('been')) localStorage.clear(); sessionStorage.setItem('been', '1');",
                ),
            ),
        ),
    ),
    templates=(HOME,),
    instructions=(
        Instruction("Test that to-do items can be added and edited.", ("add", "add_several", "edit")),
        Instruction("Test the filters All, Active and Completed.", ("filter_active", "filter_completed", "filter_all")),
        Instruction(
            "Test completing items, also all at once, and clearing them.", ("complete", "toggle_all", "clear_completed")
        ),
        Instruction("Test that items can be deleted.", ("delete",)),
        Instruction("Test that items are kept over a reload, and nothing else.", ("persist",)),
    ),
    equivalent={},
)
