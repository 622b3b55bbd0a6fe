"""Looks at a page: where elements are, what numbers they show, and whether what a test expects is so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, assert_never, cast
from urllib.parse import urljoin

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator as PageLocator
from playwright.async_api import Page, expect

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.language import (
    Check,
    CountOf,
    EachHasText,
    Equals,
    HasOutline,
    HasText,
    HasValue,
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
    Recall,
    SumOf,
    Times,
    UrlIs,
)
from agent_runtime_server.adapters.explorer.looking import (
    NotYetError,
    first_line,
    how_many,
    number_of,
    quote,
    soon,
    until_read,
)
from agent_runtime_server.adapters.explorer.settle import origin_of
from agent_runtime_server.adapters.explorer.text import (
    UnknownReferenceError,
    filled,
    names_in,
    substitute,
    url_expression,
)

REFUSED = ":user-invalid"
"""Fields whose value the browser refuses, once the user left them or sent the form."""
READ = """(element) => element.matches('input, select, textarea')
    ? element.value : (element.innerText ?? element.textContent).trim()"""
"""Text of an element, or what a field holds, to the blank lines around it."""
_HALF_A_CENT = 0.005


class Onlooker:
    """Looks at one page, and changes nothing there."""

    def __init__(self, page: Page, base_url: str, values: Mapping[str, str]) -> None:
        """``values`` holds what ``${uid}``, ``${username}`` and ``${password}`` stand for."""
        self._page = page
        self._base_url = base_url
        self.texts = dict(values)
        """What the references stand for by now."""
        self.numbers: dict[str, float] = {}
        """What is remembered, by name."""

    def locate(self, locator: Locator) -> PageLocator:
        """Turn a locator into Playwright's. Raises ``UnknownReferenceError``."""
        scope = self.locate(locator.within) if locator.within else self._page
        value = self.filled(locator.value)
        match locator.by:
            case "role":
                found = scope.get_by_role(
                    cast("Any", value),
                    name=None if locator.name is None else self.filled(locator.name),
                    exact=locator.exact,
                    level=locator.level,
                )
            case "label":
                found = scope.get_by_label(value, exact=locator.exact)
            case "placeholder":
                found = scope.get_by_placeholder(value, exact=locator.exact)
            case "text":
                found = scope.get_by_text(value, exact=locator.exact)
            case "test_id":
                found = scope.get_by_test_id(value)
            case "css":
                found = scope.locator(value)
        if locator.has is not None:
            found = found.filter(has=self.locate(locator.has))
        if locator.has_text is not None:
            found = found.filter(has_text=self.filled(locator.has_text))
        return found

    def resolved(self, locator: Locator) -> Locator:
        """The locator with values in the place of references. Raises ``UnknownReferenceError``."""
        return filled(locator, self.texts)

    def knows(self, data: object) -> bool:
        """All that a piece of a flow refers to has a value by now."""
        return names_in(data) <= self.texts.keys() | self.numbers.keys()

    async def failure(self, check: Check, timeout_ms: float) -> str | None:
        """``None`` as soon as the check holds; when the time is over, one line: what was expected and what was seen."""
        try:
            await self._expect(check, timeout_ms)
        except UnknownReferenceError as error:
            return f"expected {words.check(check)}, but there is {error}"
        except (AssertionError, PlaywrightError, NotYetError) as error:
            return self.redacted(f"expected {words.check(check)}, {await self._seen(check, error)}")
        return None

    def redacted(self, message: str) -> str:
        """What fields and errors show may be the password."""
        secret = self.texts.get("password")
        return message.replace(secret, "•••") if secret else message

    async def _expect(self, check: Check, timeout_ms: float) -> None:
        match check:
            case IsVisible(target):
                await expect(self.locate(target)).to_be_visible(timeout=timeout_ms)
            case IsHidden(target):
                await expect(self.locate(target)).to_be_hidden(timeout=timeout_ms)
            case HasText(target, text, exact):
                expected = expect(self.locate(target))
                await (expected.to_have_text if exact else expected.to_contain_text)(
                    self.filled(text), timeout=timeout_ms
                )
            case HasValue(target, value):
                await expect(self.locate(target)).to_have_value(self.filled(value), timeout=timeout_ms)
            case EachHasText(target, text):
                located = self.locate(target)
                await expect(located).not_to_have_count(0, timeout=timeout_ms)
                others = located.filter(has_not_text=self.filled(text))
                await expect(others).to_have_count(0, timeout=timeout_ms)
            case IsInvalid(target):
                refused = self.locate(target).and_(self._page.locator(REFUSED))
                await expect(refused).to_be_visible(timeout=timeout_ms)
            case IsChecked(target, checked):
                await expect(self.locate(target)).to_be_checked(checked=checked, timeout=timeout_ms)
            case IsDisabled(target):
                await expect(self.locate(target)).to_be_disabled(timeout=timeout_ms)
            case HasOutline(target, outline):
                await expect(self.locate(target)).to_match_aria_snapshot(outline, timeout=timeout_ms)
            case UrlIs(pattern):
                await expect(self._page).to_have_url(self._url(pattern), timeout=timeout_ms)
            case Equals(left, right):
                await until_read(lambda: self._require_equal(left, right), timeout_ms)
            case InOrder(target, descending):
                await until_read(lambda: self._require_order(target, descending), timeout_ms)
            case _:
                assert_never(check)

    def _url(self, pattern: str) -> str | re.Pattern[str]:
        if "*" not in pattern:
            return urljoin(self._base_url, pattern)
        return re.compile(f"^{re.escape(origin_of(self._base_url))}{url_expression(pattern)}$")

    async def _require_equal(self, left: Number, right: Number) -> None:
        seen, wanted = await self.number(left), await self.number(right)
        if abs(seen - wanted) >= _HALF_A_CENT:
            raise NotYetError(f"{seen:g} is not {wanted:g}")

    async def _require_order(self, target: Locator, descending: bool) -> None:
        numbers = [number_of(text) for text in await self.read_all(target)]
        if len(set(numbers)) < 2 or numbers != sorted(numbers, reverse=descending):
            raise NotYetError(f"they are {', '.join(f'{number:g}' for number in numbers) or 'not there'}")

    async def number(self, number: Number) -> float:
        """What a number is now. Raises NotYetError."""
        match number:
            case Literally(value):
                return value
            case Recall(name):
                return self._recall(name)
            case NumberIn(target):
                texts = await self.read_all(target)
                if len(texts) != 1:
                    raise NotYetError(how_many(len(texts)))
                return number_of(texts[0])
            case SumOf(target):
                return sum(number_of(text) for text in await self.read_all(target))
            case CountOf(target):
                return len(await self.read_all(target))
            case Plus(left, right):
                return await self.number(left) + await self.number(right)
            case Minus(left, right):
                return await self.number(left) - await self.number(right)
            case Times(left, right):
                return await self.number(left) * await self.number(right)
            case _:
                assert_never(number)

    def _recall(self, name: str) -> float:
        try:
            return self.numbers[name]
        except KeyError:
            raise UnknownReferenceError(f"no number remembered as {name}") from None

    async def read_all(self, target: Locator) -> list[str]:
        """The texts of all matching elements. Raises NotYetError."""
        reading = self.locate(target).evaluate_all(f"(elements) => elements.map({READ})")
        return cast("list[str]", await soon(reading))

    async def _seen(self, check: Check, error: Exception) -> str:
        """What the page showed instead, in words."""
        try:
            match check:
                case HasOutline():
                    return "but something of it is not there, or is elsewhere"
                case UrlIs():
                    return f"seen {_path(self._page.url)}"
                case Equals() | InOrder():
                    return f"but {first_line(error)}"
                case IsInvalid():
                    return f"but {how_many(len(await self.read_all(check.target)), 'the browser does not refuse it')}"
                case EachHasText(target, text):
                    texts = await self.read_all(target)
                    others = [seen for seen in texts if self.filled(text).casefold() not in seen.casefold()]
                    return f"seen {quote(others[0])}" if others else f"but {how_many(len(texts))}"
                case _:
                    texts = await self.read_all(check.target)
                    return f"seen {quote(texts[0])}" if len(texts) == 1 else f"but {how_many(len(texts))}"
        except (PlaywrightError, NotYetError) as look:
            return f"but {first_line(look)}"

    def filled(self, text: str) -> str:
        """A text with values in the place of references. Raises ``UnknownReferenceError``."""
        return substitute(text, self.texts)


def _path(url: str) -> str:
    return url.removeprefix(origin_of(url))
