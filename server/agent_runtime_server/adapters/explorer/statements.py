"""Actions and checks as statements of a test's step, as an engineer would write them."""

from __future__ import annotations

from typing import assert_never

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.language import (
    Action,
    Check,
    Choose,
    Click,
    CountOf,
    Data,
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
from agent_runtime_server.adapters.explorer.test_names import GIVEN, Names


class Statements:
    """The statements of one test: what it remembers and which helpers it calls is known once they are written."""

    def __init__(self, named: Names, width: int) -> None:
        """``width``: of a line, in characters."""
        self.width = width
        self.remembered = dict(GIVEN)
        """Expressions of what the test knows by now."""
        self.helpers: set[str] = set()
        self._named = named

    def action(self, action: Action) -> list[str]:
        """The lines that do something."""
        match action:
            case Goto(path):
                return [f"      await page.goto({self._text(path)});"]
            case Click(target, double):
                return self._call(target, ".dblclick()" if double else ".click()")
            case Hover(target):
                return self._call(target, ".hover()")
            case Fill(target, value):
                return self._call(target, f".fill({self._text(value)})")
            case Choose(target, option):
                return self._call(target, f".selectOption({{ label: {self._text(option)} }})")
            case SetChecked(target, checked):
                return self._call(target, ".check()" if checked else ".uncheck()")
            case Press(target, key):
                return self._call(target, f".press({typescript.string(key)})")
            case Reload():
                return ["      await page.reload();"]
            case Remember(name, number):
                return [f"      const {self._remember(name)} = {self._number(number)};"]
            case RememberText(name, target):
                kept = self._remember(name)
                return [f"      const {kept} = await {self._help('textOf')}({self._locator(target)});"]
            case _:
                assert_never(action)

    def _remember(self, name: str) -> str:
        self.remembered[name] = self._named.free(typescript.identifier(name) or "kept")
        return self.remembered[name]

    def check(self, check: Check) -> list[str]:
        """The lines that expect something."""
        match check:
            case IsVisible(target):
                return self._expect(target, ".toBeVisible()")
            case IsHidden(target):
                return self._expect(target, ".toBeHidden()")
            case HasText(target, text, exact):
                return self._expect(target, f".{'toHaveText' if exact else 'toContainText'}({self._text(text)})")
            case HasValue(target, value):
                return self._expect(target, f".toHaveValue({self._text(value)})")
            case EachHasText(target, text):
                others = [*self._chain(target), f".filter({{ hasNotText: {self._text(text)} }})"]
                return [*self._expect(target, ".not.toHaveCount(0)"), *self._expected(others, ".toHaveCount(0)")]
            case IsInvalid(target):
                return [f"      await expect({self._help('refused')}({self._locator(target)})).toBeVisible();"]
            case IsChecked(target, checked):
                return self._expect(target, ".toBeChecked()" if checked else ".not.toBeChecked()")
            case IsDisabled(target):
                return self._expect(target, ".toBeDisabled()")
            case HasOutline(target, outline) if outline in self._named.outlines:
                return self._expect(target, f".toMatchAriaSnapshot({self._named.outlines[outline]})")
            case HasOutline(target, outline):
                lines = [f"        {line}" for line in typescript.template(outline).splitlines()]
                return [f"      await expect({self._locator(target)}).toMatchAriaSnapshot(`", *lines, "      `);"]
            case UrlIs(pattern):
                return [f"      await expect(page).toHaveURL({typescript.url(pattern)});"]
            case Equals(left, right):
                return self._equals(left, right)
            case InOrder(target, descending):
                read = f"async () => {self._help('order')}(await {self._help('amounts')}({self._locator(target)}))"
                matcher = f".toBe('{'falling' if descending else 'rising'}')"
                return self.chained("await ", ["expect", f".poll({read})", matcher], ";", 6)
            case _:
                assert_never(check)

    def _equals(self, left: Number, right: Number) -> list[str]:
        seen, wanted = (right, left) if _is_live(right) and not _is_live(left) else (left, right)
        # How many there are is a whole number; other numbers come from texts and sums.
        matcher = "toBe" if isinstance(seen, CountOf) or isinstance(wanted, CountOf) else "toBeCloseTo"
        if _is_live(wanted):
            return [
                "      await expect(async () => {",
                *self.chained(f"expect({self._number(seen)})", [f".{matcher}({self._number(wanted)})"], ";", 8),
                "      }).toPass();",
            ]
        if isinstance(seen, CountOf):
            return self._expect(seen.target, f".toHaveCount({self._number(wanted)})")
        read = self._number(seen)
        read = f"() => {read.removeprefix('await ')}" if isinstance(seen, NumberIn) else f"async () => {read}"
        return self.chained("await ", ["expect", f".poll({read})", f".toBeCloseTo({self._number(wanted)})"], ";", 6)

    def _number(self, number: Number) -> str:
        match number:
            case Literally(value):
                return typescript.number(value)
            case Recall(name):
                return self.remembered[name]
            case NumberIn(target):
                return f"await {self._help('amount')}({self._locator(target)})"
            case SumOf(target):
                return f"{self._help('sum')}(await {self._help('amounts')}({self._locator(target)}))"
            case CountOf(target):
                return f"await {self._locator(target)}.count()"
            case Plus(left, right):
                return f"{self._operand(left)} + {self._operand(right)}"
            case Minus(left, right):
                return f"{self._operand(left)} - {self._operand(right, Plus, Minus)}"
            case Times(left, right):
                return f"{self._operand(left, Plus, Minus)} * {self._operand(right, Plus, Minus)}"
            case _:
                assert_never(number)

    def _operand(self, number: Number, *bracketed: type[Data]) -> str:
        printed = self._number(number)
        return f"({printed})" if isinstance(number, (NumberIn, CountOf, *bracketed)) else printed

    def _help(self, helper: str) -> str:
        self.helpers.add(helper)
        return helper

    def _text(self, text: str) -> str:
        return typescript.text(text, self.remembered)

    def _chain(self, target: Locator) -> list[str]:
        return self._named.shortened(typescript.chain(target, self.remembered))

    def _locator(self, target: Locator) -> str:
        return "".join(self._chain(target))

    def _call(self, target: Locator, call: str) -> list[str]:
        return self.chained("await ", [*self._chain(target), call], ";", 6)

    def _expect(self, target: Locator, matcher: str) -> list[str]:
        return self._expected(self._chain(target), matcher)

    def _expected(self, calls: list[str], matcher: str) -> list[str]:
        line = f"      await expect({''.join(calls)}){matcher};"
        if len(line) <= self.width:
            return [line]
        subject, (name, _, argument) = f"      await expect({''.join(calls)})", matcher.partition("(")
        if argument != ")" and len(f"{subject}{name}(") <= self.width:
            return [f"{subject}{name}(", f"        {argument[:-1]},", "      );"]
        return ["      await expect(", *self.chained("", calls, ",", 8), f"      ){matcher};"]

    def chained(self, before: str, calls: list[str], after: str, indent: int) -> list[str]:
        """Calls in one line, or below each other where that is too long."""
        return typescript.chained(before, calls, after, indent, self.width)


def _is_live(number: Number) -> bool:
    """It is read from the page at the moment it is compared."""
    match number:
        case Literally() | Recall():
            return False
        case Plus(left, right) | Minus(left, right) | Times(left, right):
            return _is_live(left) or _is_live(right)
        case _:
            return True
