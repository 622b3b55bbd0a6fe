"""``tests/.agent-runtime/fingerprints.json``: what the elements of each test were like when they were last seen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import Fingerprint, Flow
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.text import names_in

PATH = "tests/.agent-runtime/fingerprints.json"

_Content = dict[str, dict[str, Fingerprint]]
"""By path of the test, then by the locator as it is printed."""


def printed(locator: Locator) -> str:
    """A locator as TypeScript, with the names of its references."""
    return "".join(typescript.chain(locator, {name: name for name in names_in(locator)}))


def content(flows: Mapping[str, Flow]) -> str:
    """The content of the file, of flows by the paths of their tests."""
    known = KnownElements({})
    for path, flow in flows.items():
        known.learn(path, flow)
    return known.encoded()


class KnownElements:
    """The file's content."""

    def __init__(self, by_test: _Content) -> None:
        self._by_test = by_test
        self._of_all: dict[str, Fingerprint] = {}
        for elements in by_test.values():
            for locator, known in elements.items():
                self._of_all.setdefault(locator, known)

    @classmethod
    def read(cls, workspace: Path) -> KnownElements:
        """What is known in a workspace; nothing, if the file is not there or cannot be read."""
        try:
            return cls(msgspec.json.decode((workspace / PATH).read_bytes(), type=_Content))
        except (FileNotFoundError, msgspec.MsgspecError):
            return cls({})

    def of(self, path: str, locator: Locator) -> Fingerprint | None:
        """What the element of a test's locator was like; if that is not known, that of the same locator elsewhere."""
        return self.by_source(path, printed(locator))

    def by_source(self, path: str, locator: str) -> Fingerprint | None:
        """Likewise, of a locator as it is printed."""
        return self._by_test.get(path, {}).get(locator) or self._of_all.get(locator)

    def learn(self, path: str, flow: Flow) -> None:
        """Take over what a flow knows."""
        self._by_test[path] = {printed(each.locator): each.fingerprint for each in flow.elements}

    def encoded(self) -> str:
        """The content of the file."""
        return _encoded(self._by_test)


def _encoded(by_test: _Content) -> str:
    return msgspec.json.format(msgspec.json.encode(by_test), indent=2).decode() + "\n"
