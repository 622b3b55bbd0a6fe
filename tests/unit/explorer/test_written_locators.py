"""Locators in sources and errors are read as they are meant, or not at all."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.written_locators import calls_in, chain_in, locator_in, plain

SAVE = Locator(by="role", value="button", name="Save", exact=False)


@pytest.mark.parametrize(
    ("source", "locator"),
    [
        ("page.getByRole('button', { name: 'Save' })", SAVE),
        ('page.getByRole( "button",\n  { name: "Save", },\n)', SAVE),
        ("getByRole('button', { exact: true, name: `Save` })", Locator(by="role", value="button", name="Save")),
        ("getByRole('heading', { level: 2 })", Locator(by="role", value="heading", level=2, exact=False)),
        ("getByLabel('It\\'s (me)', { exact: true })", Locator(by="label", value="It's (me)")),
        ("getByPlaceholder('Find…')", Locator(by="placeholder", value="Find…", exact=False)),
        ("getByRole('button', { name: /^Save$/i })", SAVE),
        ("getByText(/It's me/)", Locator(by="text", value="It's me", exact=False)),
        ("getByTestId('save')", Locator(by="test_id", value="save", exact=False)),
    ],
)
def test_a_call_is_read(source: str, locator: Locator) -> None:
    [call] = calls_in(source)
    assert call.locator == locator
    assert source[call.start : call.end].startswith("getBy")
    assert source[call.end - 1] == ")"


@pytest.mark.parametrize(
    "source",
    [
        "getByRole('button', { name: /save|store/i })",
        "getByRole('button', { name: label })",
        "getByRole('button', options)",
        "getByText(`Hello ${name}`)",
        "getByRole('checkbox', { checked: true })",
        "getByLabel('never closed'",
    ],
)
def test_what_is_not_written_out_is_not_read(source: str) -> None:
    assert list(calls_in(source)) == []


def test_a_chain_is_read_as_a_whole_or_not_at_all() -> None:
    dialog = Locator(by="role", value="dialog", exact=False)
    assert chain_in("getByRole('dialog').nth(1).getByRole('button', { name: 'Save' }).first()") == [dialog, SAVE]
    assert chain_in("getByRole('row').filter({ hasText: 'a' })") is None
    assert chain_in("locator('#a').getByText('b')") is None


@pytest.mark.parametrize(
    ("error", "locator"),
    [
        (
            "Error: locator.click: Timeout 500ms exceeded.\nCall log:\n\x1b[2m  - waiting for getByRole('button', "
            "{ name: 'Save' })\x1b[22m\n",
            "getByRole('button', { name: 'Save' })",
        ),
        (
            "expect(locator).toBeVisible() failed\n\nLocator: getByText('Hi')\nExpected: visible\n"
            "Error: element(s) not found",
            "getByText('Hi')",
        ),
        (
            "locator.click: Error: strict mode violation: getByText('Go') resolved to 2 elements:\n    1) <a>Go</a>",
            "getByText('Go')",
        ),
        ("Error: page.goto: net::ERR_CONNECTION_REFUSED", ""),
    ],
)
def test_an_error_names_its_locator(error: str, locator: str) -> None:
    assert locator_in(plain(error)) == locator
