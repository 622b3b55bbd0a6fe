"""What a repair of a test changes in the flow that the next ``generate`` prints."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.fix_job import _repaired
from agent_runtime_server.adapters.explorer.flow import Expectation, Flow, Step
from agent_runtime_server.adapters.explorer.language import Goto, IsVisible, Locator
from agent_runtime_server.adapters.explorer.test_file import path_of


def test_steps_of_the_same_title_each_get_their_own_repair() -> None:
    def flow(*names: str) -> Flow:
        seen = [Expectation(IsVisible(Locator(by="role", value="button", name=name)), "it is there") for name in names]
        return Flow("a", "A", "A", tuple(Step("Open / again", (Goto("/"),), (each,)) for each in seen))

    old, new = flow("Save", "Send"), flow("Keep", "Post")
    assert _repaired(old, path_of(old), new).steps == new.steps
    assert _repaired(old, "tests/a/other.spec.ts", new) == old
