"""Locators, actions and checks in words, for plans, logs and proofs."""

from __future__ import annotations

from typing import assert_never

from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Choose,
    Click,
    CountOf,
    EachHasText,
    Equals,
    Fill,
    Goto,
    HasOutline,
    HasText,
    HasValue,
    Hover,
    InOrder,
    IsChecked,
    IsDisabled,
    IsHidden,
    IsInvalid,
    IsVisible,
    Literally,
    Locator,
    Minus,
    Number,
    NumberIn,
    Plus,
    Press,
    Recall,
    Reload,
    Remember,
    RememberText,
    SetChecked,
    SumOf,
    Times,
    UrlIs,
)


def element(locator: Locator) -> str:
    """Such as ``button "Add to cart" in row with "Mug"``."""
    match locator.by:
        case "role":
            words = f'{locator.value} "{locator.name}"' if locator.name else locator.value
        case "label" | "placeholder":
            words = f'field "{locator.value}"'
        case "text":
            words = f'text "{locator.value}"'
        case "test_id":
            words = f'element with test id "{locator.value}"'
        case "css":
            words = f"element {locator.value}"
    if locator.has_text is not None:
        words += f' with "{locator.has_text}"'
    if locator.has is not None:
        words += f" with {element(locator.has)}"
    return f"{words} in {element(locator.within)}" if locator.within else words


def action(action: Action) -> str:
    """Such as ``click button "Add to cart"``."""
    match action:
        case Goto():
            return f"open {action.path}"
        case Click():
            return f"{'double-click' if action.double else 'click'} {element(action.target)}"
        case Hover():
            return f"hover over {element(action.target)}"
        case Fill():
            return f'fill {element(action.target)} with "{action.value}"'
        case Choose():
            return f'choose "{action.option}" in {element(action.target)}'
        case SetChecked():
            return f"{'tick' if action.checked else 'clear'} {element(action.target)}"
        case Press():
            return f"press {action.key} in {element(action.target)}"
        case Reload():
            return "reload the page"
        case Remember():
            return f"remember {number(action.number)} as {action.name}"
        case RememberText():
            return f"remember the text of {element(action.target)} as {action.name}"
        case _:
            assert_never(action)


def number(number_: Number) -> str:
    """Such as ``number in row "Total"``."""
    match number_:
        case Literally():
            return f"{number_.value:g}"
        case Recall():
            return number_.name
        case NumberIn():
            return f"number in {element(number_.target)}"
        case SumOf():
            return f"sum of {element(number_.target)}"
        case CountOf():
            return f"count of {element(number_.target)}"
        case Plus():
            return f"{number(number_.left)} + {number(number_.right)}"
        case Minus():
            return f"{number(number_.left)} - {_part(number_.right)}"
        case Times():
            return f"{_part(number_.left)} x {_part(number_.right)}"
        case _:
            assert_never(number_)


def _part(number_: Number) -> str:
    return f"({number(number_)})" if isinstance(number_, Plus | Minus) else number(number_)


def check(check: Check) -> str:
    """Such as ``heading "Thank you" to be visible``."""
    match check:
        case IsVisible():
            return f"{element(check.target)} to be visible"
        case IsHidden():
            return f"{element(check.target)} to be hidden"
        case HasText():
            return f'{element(check.target)} to {"have" if check.exact else "contain"} text "{check.text}"'
        case HasValue():
            return f'{element(check.target)} to hold "{check.value}"'
        case EachHasText():
            return f'each {element(check.target)} to contain "{check.text}"'
        case IsInvalid():
            return f"{element(check.target)} to be invalid"
        case IsChecked():
            return f"{element(check.target)} to be {'checked' if check.checked else 'unchecked'}"
        case IsDisabled():
            return f"{element(check.target)} to be disabled"
        case HasOutline():
            return f"{element(check.target)} to have its outline of {len(check.outline.splitlines())} lines"
        case UrlIs():
            return f"URL to be {check.pattern}"
        case Equals():
            return f"{number(check.left)} to equal {number(check.right)}"
        case InOrder():
            return f"the numbers in each {element(check.target)} to {'fall' if check.descending else 'rise'}"
        case _:
            assert_never(check)
