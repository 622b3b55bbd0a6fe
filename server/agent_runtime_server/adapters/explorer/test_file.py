"""Prints a flow as a Playwright test, one file each, the way an engineer would write it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer import typescript
from agent_runtime_server.adapters.explorer.flow import Flow, Step
from agent_runtime_server.adapters.explorer.language import Action, Remember, RememberText
from agent_runtime_server.adapters.explorer.test_body import Body
from agent_runtime_server.adapters.explorer.test_names import HELPERS
from agent_runtime_server.adapters.explorer.text import names_in

_IN_STEP = 6
"""Indentation inside of a ``test.step``."""


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
    arguments += ["cleanUp"] if any(step.tidies for step in flow.steps) else []
    head = [typescript.string(flow.title), *([f"{{ tag: [{tags}] }}"] if tags else [])]
    function = f"async ({{ {', '.join(arguments)} }}) => {{"
    opening, closing = [f"  test({', '.join((*head, function))}"], ["  });"]
    indent = 0
    if len(opening[0]) > typescript.WIDTH:
        opening, closing = ["  test(", *(f"    {part}," for part in head), f"    {function}"], ["    },", "  );"]
        indent = 2
    if any(step.limited for step in flow.steps):
        opening = ["  test.describe.configure({ timeout: 120_000 });", "", *opening]
    body = Body(flow, width=typescript.WIDTH - indent)
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


def _imports(flow: Flow, body: Body) -> Iterator[str]:
    stored = "signedInState, " if flow.session == "stored" else ""
    yield f"import {{ expect, {stored}test }} from '../fixtures';"
    used = [helper for helper in HELPERS if body.uses(helper)]
    if used:
        yield f"import {{ {', '.join(used)} }} from '../support';"


def print_statements(step: Step) -> str:
    """What a step does and expects, as statements on ``page`` and ``credentials``, for helpers outside of tests."""
    flow = Flow(id="statements", suite="", title="", steps=(step,))
    return "\n".join(line[_IN_STEP:] for line in list(Body(flow, constants=False).lines())[1:-1])
