"""The lines of a test: its constants, and what each step does and expects, as an engineer would write them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import Flow, Step
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
from agent_runtime_server.adapters.explorer.test_names import GIVEN, Names, tried_together
from agent_runtime_server.adapters.explorer.text import names_in

_DEEPER = 2
"""Columns that a block moves what is in it to the right."""


class Body:
    """The lines of one test's body."""

    def __init__(self, flow: Flow, *, constants: bool = True, width: int = typescript.WIDTH) -> None:
        self._flow = flow
        self._width = width
        self._names = dict(GIVEN)
        self._helpers: set[str] = set()
        self._named = Names(flow, constants=constants)

    def uses(self, helper: str) -> bool:
        """The lines, all printed by now, call it."""
        return helper in self._helpers

    def lines(self) -> Iterator[str]:
        """Constants, then one ``test.step`` for each step, with blank lines between."""
        for calls, name in self._named.locators.items():
            known = [*self._named.shortened(calls[:-1]), calls[-1]]
            yield from self._chained(f"const {name} = ", known, ";", 4)
        for outline, name in self._named.outlines.items():
            yield f"    const {name} = `"
            yield from (f"      {line}" for line in typescript.template(outline).splitlines())
            yield "    `;"
        blank = bool(self._named.locators or self._named.outlines)
        patient = tried_together(self._flow.steps)
        if patient:
            yield from [""] if blank else []
            yield "    await expect(async () => {"
            self._width -= _DEEPER
            yield from (line and f"{' ' * _DEEPER}{line}" for line in self._steps(0, patient))
            self._width += _DEEPER
            yield "    }).toPass({ intervals: [20_000], timeout: 90_000 });"
            blank = True
        rest = list(self._steps(patient, len(self._flow.steps)))
        yield from [""] if blank and rest else []
        yield from rest

    def _steps(self, begin: int, end: int) -> Iterator[str]:
        blank = False
        for number in range(begin, end):
            if lines := self._step(self._flow.steps[number], self._flow.steps[number + 1 :]):
                yield from [""] if blank else []
                yield from lines
                blank = True

    def _step(self, step: Step, later: tuple[Step, ...]) -> list[str]:
        lines: list[str] = []
        kept: list[str] = []
        needed = names_in(later)
        for action in step.actions:
            lines += self._action(action)
            if isinstance(action, Remember | RememberText) and action.name in needed:
                kept.append(self._names[action.name])
        for expectation in step.expectations:
            lines += self._check(expectation.check)
        if kept:
            lines.append(f"      return {kept[0]};" if len(kept) == 1 else f"      return {{ {', '.join(kept)} }};")
        result = "" if not kept else f"const {kept[0] if len(kept) == 1 else '{ ' + ', '.join(kept) + ' }'} = "
        opening = f"    {result}await test.step({typescript.string(step.title)}, async () => {{"
        return [opening, *lines, "    });"] if lines else []

    def _action(self, action: Action) -> list[str]:
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
        self._names[name] = self._named.free(typescript.identifier(name) or "kept")
        return self._names[name]

    def _check(self, check: Check) -> list[str]:
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
                return self._chained("await ", ["expect", f".poll({read})", matcher], ";", 6)
            case _:
                assert_never(check)

    def _equals(self, left: Number, right: Number) -> list[str]:
        seen, wanted = (right, left) if _is_live(right) and not _is_live(left) else (left, right)
        if _is_live(wanted):
            return [
                "      await expect(async () => {",
                *self._chained(f"expect({self._number(seen)})", [f".toBeCloseTo({self._number(wanted)})"], ";", 8),
                "      }).toPass();",
            ]
        if isinstance(seen, CountOf):
            return self._expect(seen.target, f".toHaveCount({self._number(wanted)})")
        read = self._number(seen)
        read = f"() => {read.removeprefix('await ')}" if isinstance(seen, NumberIn) else f"async () => {read}"
        return self._chained("await ", ["expect", f".poll({read})", f".toBeCloseTo({self._number(wanted)})"], ";", 6)

    def _number(self, number: Number) -> str:
        match number:
            case Literally(value):
                return typescript.number(value)
            case Recall(name):
                return self._names[name]
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
        self._helpers.add(helper)
        return helper

    def _text(self, text: str) -> str:
        return typescript.text(text, self._names)

    def _chain(self, target: Locator) -> list[str]:
        return self._named.shortened(typescript.chain(target, self._names))

    def _locator(self, target: Locator) -> str:
        return "".join(self._chain(target))

    def _call(self, target: Locator, call: str) -> list[str]:
        return self._chained("await ", [*self._chain(target), call], ";", 6)

    def _expect(self, target: Locator, matcher: str) -> list[str]:
        return self._expected(self._chain(target), matcher)

    def _expected(self, calls: list[str], matcher: str) -> list[str]:
        line = f"      await expect({''.join(calls)}){matcher};"
        if len(line) <= self._width:
            return [line]
        return ["      await expect(", *self._chained("", calls, ",", 8), f"      ){matcher};"]

    def _chained(self, before: str, calls: list[str], after: str, indent: int) -> list[str]:
        return typescript.chained(before, calls, after, indent, self._width)


def _is_live(number: Number) -> bool:
    """It is read from the page at the moment it is compared."""
    match number:
        case Literally() | Recall():
            return False
        case Plus(left, right) | Minus(left, right) | Times(left, right):
            return _is_live(left) or _is_live(right)
        case _:
            return True
