"""Mutants: copies of tests whose assertions tell that they were decided, or are made to fail.

What is never decided, or fails without its test failing, is an assertion that a test does not need.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Assertion:
    """An assertion in the source of a test file."""

    path: str
    """Of the file, relative to the workspace."""
    number: int
    """Which one in the file, from 0."""
    line: int
    text: str
    """Its source, in one line, at most 200 characters."""
    test_line: int
    """Where its test begins, as the runner says it; 0 when tests of the file may share it (a hook, a helper)."""
    awaited: bool
    """Whether somebody waits for it, or can. Nobody hears of one that takes its time and is not waited for."""
    direct: bool
    """Whether its test fails for certain when it does: nothing is around it that could catch that."""

    @property
    def mark(self) -> str:
        """Title of the step by which it tells that it was decided."""
        return f"assertion {self.number} was decided"


@dataclass(frozen=True, slots=True)
class Mutant:
    """A copy of a test file."""

    original: str
    """Path of the file, relative to the workspace."""
    failing: tuple[Assertion, ...] = ()
    """What is made to fail: at most one assertion of each test. In a copy without any all assertions do what they do in
    the original, and each then tells by a step ("expect", with its mark as the title) that it was decided."""


class Mutations(Protocol):
    """Reads tests and makes mutants of them."""

    async def assertions(self, workspace: Path, paths: Sequence[str]) -> Sequence[Assertion]:
        """All assertions of these test files, in order. Raises OSError; ValueError for files that nobody can read."""
        ...

    def mutants(self, workspace: Path, wanted: Sequence[Mutant]) -> AbstractAsyncContextManager[Mapping[str, Mutant]]:
        """The mutants by the paths of their files, which are beside the originals inside the block and gone after it,
        as is whatever an earlier one has left. Lines stand where they stood. An assertion that is not awaited, or that
        says nothing about the app, neither fails in a mutant nor tells anything.

        Raises OSError; ValueError for files that nobody can read.
        """
        ...
