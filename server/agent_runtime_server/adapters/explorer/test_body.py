"""The lines of a test: its constants, and what each step does and expects, as an engineer would write them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import Flow, Step
from agent_runtime_server.adapters.explorer.statements import Statements
from agent_runtime_server.adapters.explorer.test_names import Names, tried_together
from agent_runtime_server.adapters.explorer.text import names_in, remembered

_DEEPER = 2
"""Columns that a block moves what is in it to the right."""


class Body:
    """The lines of one test's body."""

    def __init__(self, flow: Flow, *, constants: bool = True, width: int = typescript.WIDTH) -> None:
        self._steps = [step for step in flow.steps if not step.tidies]
        self._tidying = tuple(step for step in flow.steps if step.tidies)
        self._named = Names(flow, constants=constants)
        self._statements = Statements(self._named, width)

    def uses(self, helper: str) -> bool:
        """The lines, all printed by now, call it."""
        return helper in self._statements.helpers

    def lines(self) -> Iterator[str]:
        """Constants, then one ``test.step`` for each step, with blank lines between."""
        yield from _apart((list(self._constants()), *self._blocks()))

    def _constants(self) -> Iterator[str]:
        for calls, name in self._named.locators.items():
            known = [*self._named.shortened(calls[:-1]), calls[-1]]
            yield from self._statements.chained(f"const {name} = ", known, ";", 4)
        for outline, name in self._named.outlines.items():
            yield f"    const {name} = `"
            yield from (f"      {line}" for line in typescript.template(outline).splitlines())
            yield "    `;"

    def _blocks(self) -> Iterator[list[str]]:
        """What stands apart: steps, those that are tried together, and what is to be done at the end."""
        patient = min(tried_together((*self._steps, *self._tidying)), len(self._steps))
        if patient:
            together = self._inside("await expect(async () => {", self._steps_from(0, patient))
            yield [*together, "    }).toPass({ intervals: [20_000], timeout: 90_000 });"]
        yield from self._steps_from(patient, len(self._steps))

    def _steps_from(self, begin: int, end: int) -> Iterator[list[str]]:
        """Steps, and what is done at the end however the test goes: said as soon as all is known that it needs."""
        names = names_in(self._tidying)
        finders = (number for number, step in enumerate(self._steps) if remembered([step]).keys() & names)
        known_with = max(finders, default=0)
        for number in range(begin, end):
            yield self._step(self._steps[number], (*self._steps[number + 1 :], *self._tidying))
            if self._tidying and number == known_with:
                tidying = (self._step(step, ()) for step in self._tidying)
                yield [*self._inside("cleanUp(async () => {", tidying), "    });"]

    def _inside(self, opening: str, blocks: Iterable[Sequence[str]]) -> list[str]:
        self._statements.width -= _DEEPER
        lines = [f"    {opening}", *(line and f"{' ' * _DEEPER}{line}" for line in _apart(blocks))]
        self._statements.width += _DEEPER
        return lines

    def _step(self, step: Step, later: tuple[Step, ...]) -> list[str]:
        lines = [line for action in step.actions for line in self._statements.action(action)]
        needed = names_in(later)
        kept = [self._statements.remembered[name] for name in remembered([step]) if name in needed]
        for expectation in step.expectations:
            lines += self._statements.check(expectation.check)
        if kept:
            lines.append(f"      return {kept[0]};" if len(kept) == 1 else f"      return {{ {', '.join(kept)} }};")
        result = "" if not kept else f"const {kept[0] if len(kept) == 1 else '{ ' + ', '.join(kept) + ' }'} = "
        opening = f"    {result}await test.step({typescript.string(step.title)}, async () => {{"
        return [opening, *lines, "    });"] if lines else []


def _apart(blocks: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of blocks that have any, with a blank one between."""
    for number, block in enumerate(filter(None, blocks)):
        yield from [""] if number else []
        yield from block
