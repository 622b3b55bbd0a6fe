"""Mutants of tests that have one assertion on a line, without a compiler."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from agent_runtime_server.ports import Assertion, Mutant

_TEST = re.compile(r"^test\(")
_EXPECT = re.compile(r"(?:await )?(expect\(.*\));?$")


class LineMutations:
    """Implements ``ports.Mutations`` for files whose tests begin and end in the first column."""

    async def assertions(self, workspace: Path, paths: Sequence[str]) -> Sequence[Assertion]:
        """All lines that end with an assertion."""
        return [each for path in paths for each in _read(workspace, path)]

    @asynccontextmanager
    async def mutants(self, workspace: Path, wanted: Sequence[Mutant]) -> AsyncIterator[Mapping[str, Mutant]]:
        """Mutants throw or call ``reach`` where assertions were that are waited for."""
        made = {}
        for number, mutant in enumerate(wanted):
            original = workspace / mutant.original
            lines = original.read_text().split("\n")
            for assertion in mutant.failing or _read(workspace, mutant.original):
                if assertion.awaited:
                    line = "throw new Error('made to fail');" if mutant.failing else f"reach('{assertion.mark}');"
                    lines[assertion.line - 1] = _EXPECT.sub(line, lines[assertion.line - 1])
            copy = original.with_name(f".mutant-{number}.{original.name}")
            copy.write_text("\n".join(lines))
            made[copy.relative_to(workspace).as_posix()] = mutant
        try:
            yield made
        finally:
            for path in made:
                (workspace / path).unlink()


def _read(workspace: Path, path: str) -> list[Assertion]:
    try:
        lines = (workspace / path).read_text().split("\n")
    except FileNotFoundError as missing:
        raise ValueError(str(missing)) from missing
    found: list[Assertion] = []
    test_line = 0
    for number, line in enumerate(lines, start=1):
        if _TEST.match(line):
            test_line = number
        if line.startswith("}"):
            test_line = 0
        if match := _EXPECT.search(line):
            found.append(
                Assertion(path, len(found), number, match[1], test_line, "await" in line, not line.startswith("   "))
            )
    return found
