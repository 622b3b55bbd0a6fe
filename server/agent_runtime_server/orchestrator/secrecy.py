"""What a phase must neither tell nor leave behind: the task's own secrets, and the keys that a driver works with."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.redaction import Redactor
from agent_runtime_server.ports import Scrub

F = TypeVar("F", bound=Fact)


class Secrecy:
    """Takes secret values out of texts, facts and files. Values may be added while a phase goes on."""

    def __init__(self, values: Iterable[str], workspace: Path, scrub: Scrub) -> None:
        """``scrub`` is for files of the workspace."""
        self._values = set(values)
        self._workspace = workspace
        self._scrub = scrub
        self._redactor = Redactor(self._values)

    def add(self, value: str) -> None:
        """One more value that nobody is to know."""
        if value not in self._values:
            self._values.add(value)
            self._redactor = Redactor(self._values)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._values)

    def redact(self, text: str) -> str:
        """A text without the values."""
        return self._redactor.redact(text)

    def redact_fact(self, fact: F) -> F:
        """A fact without them."""
        return self._redactor.redact_fact(fact)

    def redact_begun(self, text: str) -> tuple[str, str]:
        """The beginning of a text that goes on without them, and the rest; see ``Redactor.redact_begun``."""
        return self._redactor.redact_begun(text)

    async def scrub(self, path: Path) -> None:
        """Take them out of a file or a folder of the workspace. Raises OSError."""
        if self:
            await self._scrub(self._workspace, path, self._redactor.redact_content)
