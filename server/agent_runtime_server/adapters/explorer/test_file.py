"""Prints a flow as a Playwright test, one file each, the way an engineer would write it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import assert_never

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import (
    Action,
    Check,
    Choose,
    Click,
    CountOf,
    Data,
    EachHasText,
    Equals,
    Fill,
    Flow,
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
    Step,
    SumOf,
    Times,
    UrlIs,
)
from agent_runtime_server.adapters.explorer.text import names_in, url_expression

HELPERS = ("amount", "amounts", "order", "refused", "sum", "textOf")
"""What ``tests/support.ts`` offers to tests."""

_GIVEN = {"uid": "uid", "username": "credentials.username", "password": "credentials.password"}
_WORTH_A_NAME = 40
"""Length, in characters, from which a locator that is used twice gets a name."""
_TOO_LONG_INSIDE = 70
"""Length, in characters, from which a locator gets a name rather than stand inside of a call."""
_USES_HELPER = (NumberIn, SumOf, CountOf, RememberText, IsInvalid, InOrder)
_NAME_WORDS = 4
_PATIENTLY = "await expect(async () => {"
_IN_STEP = 6
"""Indentation inside of a ``test.step``."""
_SUFFIXES = {
    "button": "Button",
    "checkbox": "Checkbox",
    "combobox": "Select",
    "heading": "Heading",
    "link": "Link",
    "listitem": "Item",
    "row": "Row",
    "searchbox": "Field",
    "spinbutton": "Field",
    "textbox": "Field",
}


def path_of(flow: Flow) -> str:
    """Where the test of a flow is, relative to the workspace: ``tests/cart/add-to-cart.spec.ts``."""
    folder = re.sub(r"[^a-z0-9]+", "-", flow.suite.lower()).strip("-") or "app"
    return f"tests/{folder}/{flow.id}.spec.ts"


def print_test(flow: Flow) -> str:
    """The content of the test's file."""
    flow, names = _without_unused(flow), names_in(flow)
    tags = ", ".join(typescript.string(tag) for tag in flow.tags)
    arguments = ["signedInPage: page" if flow.session == "fresh" else "page"]
    arguments += ["credentials"] if names & {"username", "password"} else []
    arguments += ["uid"] if "uid" in names else []
    head = [typescript.string(flow.title), *([f"{{ tag: [{tags}] }}"] if tags else [])]
    function = f"async ({{ {', '.join(arguments)} }}) => {{"
    opening, closing = [f"  test({', '.join((*head, function))}"], ["  });"]
    indent = 0
    if len(opening[0]) > typescript.WIDTH:
        opening, closing = ["  test(", *(f"    {part}," for part in head), f"    {function}"], ["    },", "  );"]
        indent = 2
    if flow.patient:
        outer = " " * (indent + 4)
        opening = ["  test.describe.configure({ timeout: 120_000 });", "", *opening, f"{outer}{_PATIENTLY}"]
        closing = [f"{outer}}}).toPass({{ intervals: [20_000], timeout: 90_000 }});", *closing]
        indent += 2
    body = _Body(flow, width=typescript.WIDTH - indent)
    lines = [line and f"{' ' * indent}{line}" for line in body.lines()]
    return "\n".join(
        (
            "// spec: specs/plan.md",
            "// seed: tests/seed.spec.ts",
            "",
            *_imports(flow, body),
            "",
            f"test.describe({typescript.string(flow.suite)}, () => {{",
            *(["  test.use({ storageState: signedInState });", ""] if flow.session == "stored" else []),
            *opening,
            *lines,
            *closing,
            "});",
            "",
        )
    )


def _without_unused(flow: Flow) -> Flow:
    """The flow without what it remembers for nothing, as the expectation for it was dropped."""
    names = names_in(flow)
    return replace(
        flow,
        steps=tuple(
            replace(step, actions=tuple(action for action in step.actions if _is_needed(action, names)))
            for step in flow.steps
        ),
    )


def _is_needed(action: Action, names: frozenset[str]) -> bool:
    return not isinstance(action, Remember | RememberText) or action.name in names


def _imports(flow: Flow, body: _Body) -> Iterator[str]:
    stored = "signedInState, " if flow.session == "stored" else ""
    yield f"import {{ expect, {stored}test }} from '../fixtures';"
    used = [helper for helper in HELPERS if body.uses(helper)]
    if used:
        yield f"import {{ {', '.join(used)} }} from '../support';"


def print_statements(step: Step) -> str:
    """What a step does and expects, as statements on ``page`` and ``credentials``, for helpers outside of tests."""
    flow = Flow(id="statements", suite="", title="", steps=(step,))
    return "\n".join(line[_IN_STEP:] for line in list(_Body(flow, constants=False).lines())[1:-1])


class _Body:
    """The lines of one test's body."""

    def __init__(self, flow: Flow, *, constants: bool = True, width: int = typescript.WIDTH) -> None:
        self._flow = flow
        self._width = width
        self._names = dict(_GIVEN)
        self._taken = {"page", "uid", "credentials", "test", "expect", "signedInState", *HELPERS}
        self._helpers: set[str] = set()
        self._constants = self._worth_naming() if constants else {}
        self._outlines = self._repeated_outlines() if constants else {}

    def uses(self, helper: str) -> bool:
        """The lines, all printed by now, call it."""
        return helper in self._helpers

    def lines(self) -> Iterator[str]:
        """Constants, then one ``test.step`` for each step, with blank lines between."""
        for calls, name in self._constants.items():
            yield from self._wrapped(f"const {name} = ", list(calls), ";", 4)
        for outline, name in self._outlines.items():
            yield f"    const {name} = `"
            yield from (f"      {line}" for line in typescript.template(outline).splitlines())
            yield "    `;"
        blank = bool(self._constants or self._outlines)
        for number, step in enumerate(self._flow.steps):
            if lines := self._step(step, self._flow.steps[number + 1 :]):
                yield from [""] if blank else []
                yield from lines
                blank = True

    def _worth_naming(self) -> dict[tuple[str, ...], str]:
        """Long locators used more than once, or inside of other calls, that need nothing which a step finds out."""
        counts: Counter[tuple[str, ...]] = Counter()
        found: dict[tuple[str, ...], Locator] = {}
        for locator, inside in _targets(self._flow.steps):
            if names_in(locator) <= _GIVEN.keys():
                calls = tuple(typescript.chain(locator, _GIVEN))
                counts[calls] += 2 if inside and len("".join(calls)) >= _TOO_LONG_INSIDE else 1
                found.setdefault(calls, locator)
        names = {}
        for calls, locator in found.items():
            words = _name_of(locator)
            if words and counts[calls] > 1 and len("".join(calls)) >= _WORTH_A_NAME:
                names[calls] = self._free(words)
        return names

    def _repeated_outlines(self) -> dict[str, str]:
        checks = [each.check for step in self._flow.steps for each in step.expectations]
        outlines = [check for check in checks if isinstance(check, HasOutline)]
        counts = Counter(check.outline for check in outlines)
        names: dict[str, str] = {}
        for check in outlines:
            if counts[check.outline] > 1 and check.outline not in names:
                words = _name_of(check.target)
                names[check.outline] = self._free(f"{words}Outline" if words else "outline")
        return names

    def _free(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}{number}", number + 1
        self._taken.add(name)
        return name

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
        self._names[name] = self._free(typescript.identifier(name) or "kept")
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
            case HasOutline(target, outline) if outline in self._outlines:
                return self._expect(target, f".toMatchAriaSnapshot({self._outlines[outline]})")
            case HasOutline(target, outline):
                lines = [f"        {line}" for line in typescript.template(outline).splitlines()]
                return [f"      await expect({self._locator(target)}).toMatchAriaSnapshot(`", *lines, "      `);"]
            case UrlIs(pattern):
                return [f"      await expect(page).toHaveURL({_url(pattern)});"]
            case Equals(left, right):
                return self._equals(left, right)
            case InOrder(target, descending):
                read = f"async () => {self._help('order')}(await {self._help('amounts')}({self._locator(target)}))"
                matcher = f".toBe('{'falling' if descending else 'rising'}')"
                return self._wrapped("await ", ["expect", f".poll({read})", matcher], ";", 6)
            case _:
                assert_never(check)

    def _equals(self, left: Number, right: Number) -> list[str]:
        seen, wanted = (right, left) if _is_live(right) and not _is_live(left) else (left, right)
        if _is_live(wanted):
            return [
                "      await expect(async () => {",
                *self._wrapped(f"expect({self._number(seen)})", [f".toBeCloseTo({self._number(wanted)})"], ";", 8),
                "      }).toPass();",
            ]
        if isinstance(seen, CountOf):
            return self._expect(seen.target, f".toHaveCount({self._number(wanted)})")
        read = self._number(seen)
        read = f"() => {read.removeprefix('await ')}" if isinstance(seen, NumberIn) else f"async () => {read}"
        return self._wrapped("await ", ["expect", f".poll({read})", f".toBeCloseTo({self._number(wanted)})"], ";", 6)

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
        calls = typescript.chain(target, self._names)
        name = self._constants.get(tuple(calls))
        return [name] if name else calls

    def _locator(self, target: Locator) -> str:
        return "".join(self._chain(target))

    def _call(self, target: Locator, call: str) -> list[str]:
        return self._wrapped("await ", [*self._chain(target), call], ";", 6)

    def _expect(self, target: Locator, matcher: str) -> list[str]:
        return self._expected(self._chain(target), matcher)

    def _expected(self, calls: list[str], matcher: str) -> list[str]:
        line = f"      await expect({''.join(calls)}){matcher};"
        if len(line) <= self._width:
            return [line]
        return ["      await expect(", *self._wrapped("", calls, ",", 8), f"      ){matcher};"]

    def _wrapped(self, before: str, calls: list[str], after: str, indent: int) -> list[str]:
        """A chain of calls in one line if it fits, else one call a line."""
        line = f"{' ' * indent}{before}{''.join(calls)}{after}"
        if len(line) <= self._width or len(calls) < 3:
            return [line]
        deeper = [f"{' ' * (indent + 2)}{call}" for call in calls[1:]]
        return [f"{' ' * indent}{before}{calls[0]}", *deeper[:-1], f"{deeper[-1]}{after}"]


def _targets(data: object, inside: bool = False) -> Iterator[tuple[Locator, bool]]:
    """Each locator that actions and checks use, as often as they do; ``inside`` if it is an argument of a helper."""
    if isinstance(data, Locator):
        yield data, inside
    elif isinstance(data, Data):
        for field in data.__struct_fields__:
            yield from _targets(getattr(data, field), isinstance(data, _USES_HELPER))
    elif isinstance(data, tuple):
        for value in data:
            yield from _targets(value)


def _name_of(locator: Locator) -> str:
    """A name for a locator's constant, such as ``addToCartButton``; empty if it has no words."""
    kind = locator.value if locator.by == "role" else "textbox" if locator.by in ("label", "placeholder") else "text"
    words = (locator.name if locator.by == "role" else locator.value) or locator.has_text or ""
    if not words and locator.has is not None:
        words = locator.has.name or locator.has.value
    words = " ".join(re.sub(r"\$\{\w+\}", " ", words).split()[:_NAME_WORDS])
    if locator.by in ("css", "test_id") or not typescript.identifier(words):
        return typescript.identifier(kind) if locator.by == "role" else ""
    return typescript.identifier(words.lower()) + _SUFFIXES.get(kind, kind.capitalize())


def _is_live(number: Number) -> bool:
    """It is read from the page at the moment it is compared."""
    match number:
        case Literally() | Recall():
            return False
        case Plus(left, right) | Minus(left, right) | Times(left, right):
            return _is_live(left) or _is_live(right)
        case _:
            return True


def _url(pattern: str) -> str:
    return rf"/^https?:\/\/[^/]+{url_expression(pattern)}$/" if "*" in pattern else typescript.string(pattern)
