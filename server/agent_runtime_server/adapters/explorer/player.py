"""Acts out flows in a page, with the same meaning as the tests that are printed from them."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar, assert_never, cast
from urllib.parse import urljoin, urlsplit

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator as PageLocator
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as PlaywrightTimeoutError

from agent_runtime_server.adapters.explorer import words
from agent_runtime_server.adapters.explorer.doorkeeper import Doorkeeper
from agent_runtime_server.adapters.explorer.flow import (
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
from agent_runtime_server.adapters.explorer.money import number_in
from agent_runtime_server.adapters.explorer.text import (
    UnknownReferenceError,
    filled,
    names_in,
    substitute,
    url_expression,
)
from agent_runtime_server.adapters.explorer.turns import Turns

NAVIGATION_MS = 20_000
"""How long a page may take to load."""
REFUSED = ":user-invalid"
"""Fields whose value the browser refuses, once the user left them or sent the form."""
_LOOK_SECONDS = 2.0
"""How long one look at the page may take."""
_POLL_SECONDS = 0.05
_HALF_A_CENT = 0.005
_SHOWN_CHARS = 120

_CLICKED = "click action done"
"""In the log of a click that was done in time, though the page that it leads to was not there yet."""
_READ = "(element) => (element.matches('input, select, textarea') ? element.value : element.innerText)"
"""Text of an element, or what a field holds."""

_T = TypeVar("_T")


class ActionError(Exception):
    """An action could not be done; one line says which and why."""


class _NotYetError(Exception):
    """A number cannot be read at the moment; one line says why."""


class Player:
    """Plays actions and checks in one page.

    ``values`` holds what ``${uid}``, ``${username}`` and ``${password}`` stand for; ``RememberText`` adds to a copy.
    """

    def __init__(
        self,
        page: Page,
        base_url: str,
        values: Mapping[str, str],
        doorkeeper: Doorkeeper | None = None,
        turns: Turns | None = None,
    ) -> None:
        """``doorkeeper`` makes those wait who sign in too often, ``turns`` those whose turn it is not."""
        self._page = page
        self._doorkeeper = doorkeeper or Doorkeeper()
        self._turns = turns or Turns()
        self._base_url = base_url
        self._texts = dict(values)
        self._numbers: dict[str, float] = {}

    def locate(self, locator: Locator) -> PageLocator:
        """Turn a locator into Playwright's. Raises ``UnknownReferenceError``."""
        scope = self.locate(locator.within) if locator.within else self._page
        value = self._text(locator.value)
        match locator.by:
            case "role":
                found = scope.get_by_role(
                    cast("Any", value),
                    name=None if locator.name is None else self._text(locator.name),
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
            found = found.filter(has_text=self._text(locator.has_text))
        return found

    def resolved(self, locator: Locator) -> Locator:
        """The locator with values in the place of references. Raises ``UnknownReferenceError``."""
        return filled(locator, self._texts)

    @property
    def texts(self) -> Mapping[str, str]:
        """What the references stand for by now."""
        return self._texts

    async def act(self, action: Action, timeout_ms: float = 5000) -> None:
        """Do an action. Raises ``ActionError`` when it cannot be done within the time."""
        await self._doorkeeper.before(action)
        try:
            async with self._turns.taken(self._page):
                await self._act(action, timeout_ms)
        except (PlaywrightError, UnknownReferenceError, _NotYetError) as error:
            reason = self._redacted(await self._reason(action, error))
            raise ActionError(f"could not {words.action(action)}: {reason}") from error

    async def _reason(self, action: Action, error: Exception) -> str:
        if not isinstance(error, PlaywrightTimeoutError) or isinstance(action, Goto | Reload | Remember):
            return _first_line(error)
        try:
            texts = await self._read_all(action.target)
        except (PlaywrightError, _NotYetError) as look:
            return _first_line(look)
        return _how_many(len(texts), "it does not become ready for that")

    async def _act(self, action: Action, timeout_ms: float) -> None:
        match action:
            case Goto():
                await self._page.goto(urljoin(self._base_url, self._text(action.path)), timeout=NAVIGATION_MS)
            case Click(target, double):
                located = self.locate(target)
                try:
                    await (located.dblclick if double else located.click)(timeout=timeout_ms)
                except PlaywrightTimeoutError as error:
                    if _CLICKED not in error.message:
                        raise
                    await self._page.wait_for_load_state("domcontentloaded", timeout=NAVIGATION_MS)
            case Hover(target):
                await self.locate(target).hover(timeout=timeout_ms)
            case Fill(target, value):
                await self.locate(target).fill(self._text(value), timeout=timeout_ms)
            case Choose(target, option):
                await self.locate(target).select_option(label=self._text(option), timeout=timeout_ms)
            case SetChecked(target, checked):
                await self.locate(target).set_checked(checked, timeout=timeout_ms)
            case Press(target, key):
                await self.locate(target).press(key, timeout=timeout_ms)
            case Reload():
                await self._page.reload(timeout=NAVIGATION_MS)
            case Remember(name, number):
                self._numbers[name] = await _until_read(lambda: self._number(number), timeout_ms)
            case RememberText(name, target):
                self._texts[name] = (await self.locate(target).evaluate(_READ, timeout=timeout_ms)).strip()
            case _:
                assert_never(action)

    def knows(self, check: Check) -> bool:
        """All that the check refers to has a value by now."""
        return names_in(check) <= self._texts.keys() | self._numbers.keys()

    async def failure(self, check: Check, timeout_ms: float) -> str | None:
        """``None`` as soon as the check holds; when the time is over, one line: what was expected and what was seen."""
        try:
            await self._expect(check, timeout_ms)
        except UnknownReferenceError as error:
            return f"expected {words.check(check)}, but there is {error}"
        except (AssertionError, PlaywrightError, _NotYetError) as error:
            return self._redacted(f"expected {words.check(check)}, {await self._seen(check, error)}")
        return None

    def _redacted(self, message: str) -> str:
        """What fields and errors show may be the password."""
        secret = self._texts.get("password")
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
                    self._text(text), timeout=timeout_ms
                )
            case HasValue(target, value):
                await expect(self.locate(target)).to_have_value(self._text(value), timeout=timeout_ms)
            case EachHasText(target, text):
                located = self.locate(target)
                await expect(located).not_to_have_count(0, timeout=timeout_ms)
                others = located.filter(has_not_text=self._text(text))
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
                await _until_read(lambda: self._require_equal(left, right), timeout_ms)
            case InOrder(target, descending):
                await _until_read(lambda: self._require_order(target, descending), timeout_ms)
            case _:
                assert_never(check)

    def _url(self, pattern: str) -> str | re.Pattern[str]:
        if "*" not in pattern:
            return urljoin(self._base_url, pattern)
        return re.compile(f"^{re.escape(_origin(self._base_url))}{url_expression(pattern)}$")

    async def _require_equal(self, left: Number, right: Number) -> None:
        seen, wanted = await self._number(left), await self._number(right)
        if abs(seen - wanted) >= _HALF_A_CENT:
            raise _NotYetError(f"{seen:g} is not {wanted:g}")

    async def _require_order(self, target: Locator, descending: bool) -> None:
        numbers = [_number_of(text) for text in await self._read_all(target)]
        if len(set(numbers)) < 2 or numbers != sorted(numbers, reverse=descending):
            raise _NotYetError(f"they are {', '.join(f'{number:g}' for number in numbers) or 'not there'}")

    async def _number(self, number: Number) -> float:
        match number:
            case Literally(value):
                return value
            case Recall(name):
                return self._recall(name)
            case NumberIn(target):
                texts = await self._read_all(target)
                if len(texts) != 1:
                    raise _NotYetError(_how_many(len(texts)))
                return _number_of(texts[0])
            case SumOf(target):
                return sum(_number_of(text) for text in await self._read_all(target))
            case CountOf(target):
                return len(await self._read_all(target))
            case Plus(left, right):
                return await self._number(left) + await self._number(right)
            case Minus(left, right):
                return await self._number(left) - await self._number(right)
            case Times(left, right):
                return await self._number(left) * await self._number(right)
            case _:
                assert_never(number)

    def _recall(self, name: str) -> float:
        try:
            return self._numbers[name]
        except KeyError:
            raise UnknownReferenceError(f"no number remembered as {name}") from None

    async def _read_all(self, target: Locator) -> list[str]:
        reading = self.locate(target).evaluate_all(f"(elements) => elements.map({_READ})")
        return cast("list[str]", await _soon(reading))

    async def _seen(self, check: Check, error: Exception) -> str:
        """What the page showed instead, in words."""
        try:
            match check:
                case HasOutline():
                    return "but something of it is not there, or is elsewhere"
                case UrlIs():
                    return f"seen {_path(self._page.url)}"
                case Equals() | InOrder():
                    return f"but {_first_line(error)}"
                case IsInvalid():
                    return f"but {_how_many(len(await self._read_all(check.target)), 'the browser does not refuse it')}"
                case EachHasText(target, text):
                    texts = await self._read_all(target)
                    others = [seen for seen in texts if self._text(text).casefold() not in seen.casefold()]
                    return f"seen {_quote(others[0])}" if others else f"but {_how_many(len(texts))}"
                case _:
                    texts = await self._read_all(check.target)
                    return f"seen {_quote(texts[0])}" if len(texts) == 1 else f"but {_how_many(len(texts))}"
        except (PlaywrightError, _NotYetError) as look:
            return f"but {_first_line(look)}"

    def _text(self, text: str) -> str:
        return substitute(text, self._texts)


async def _until_read(read: Callable[[], Awaitable[_T]], timeout_ms: float) -> _T:
    """Try again while the page is not ready for it; the last error when the time is over."""
    end = time.monotonic() + timeout_ms / 1000
    while True:
        try:
            return await read()
        except (_NotYetError, PlaywrightError):
            if time.monotonic() >= end:
                raise
        await asyncio.sleep(_POLL_SECONDS)


async def _soon(looking: Awaitable[_T]) -> _T:
    try:
        return await asyncio.wait_for(looking, _LOOK_SECONDS)
    except TimeoutError:
        raise _NotYetError("the page does not answer") from None


def _number_of(text: str) -> float:
    number = number_in(text)
    if number is None:
        raise _NotYetError(f"there is no number in {_quote(text)}")
    return number


def _how_many(count: int, one: str = "there is one such element") -> str:
    if count == 1:
        return one
    return f"there are {count} such elements" if count else "there is no such element"


def _quote(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line}"' if len(line) <= _SHOWN_CHARS else f'"{line[: _SHOWN_CHARS - 1]}…"'


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].removeprefix("Error: ")[:_SHOWN_CHARS]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _path(url: str) -> str:
    return url.removeprefix(_origin(url))
