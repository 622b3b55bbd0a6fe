"""What of a page is beyond this explorer: it is told to people, and no test pretends to cover it."""

from __future__ import annotations

from collections.abc import Iterator

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.templates import pattern
from agent_runtime_server.adapters.explorer.view import Form, View

LARGE = 150_000.0
"""Square pixels from which a drawing counts as what its page is about: a sixth of the window."""
FEW = 8
"""With fewer controls than this beside it a drawing is all that a page offers."""
MOST_NAMED = 3
"""Names that are quoted of a page's many parts."""


def beyond_reach(view: View) -> list[Skipped]:
    """What a page has that cannot be understood, reached or sent, each with the reason."""
    place = pattern(view.path)
    return [*_drawings(view, place), *_sealed(view, place), *_guarded(view, place), *_dragged(view, place)]


def _drawings(view: View, place: str) -> Iterator[Skipped]:
    large = [each for each in view.elements if each.tag in ("canvas", "embed", "object") and each.area >= LARGE]
    if not [each for each in large if not any(inner.name for inner in each.controls)]:
        return
    beside = [each for each in view.controls if each.inside(view.main) and not each.in_chrome]
    controls = f"the {len(beside)} controls beside it say" if beside else "nothing beside it says"
    reason = f"it is drawn on a canvas without named parts, and {controls} too little to know what it should show"
    why = reason if len(beside) < FEW else "it is drawn on a canvas without named parts; only the controls are tried"
    yield Skipped(f"the drawing on {place}", why)


def _sealed(view: View, place: str) -> Iterator[Skipped]:
    for root in view.sealed:
        if root.text or root.controls:
            host = root.parent.tag if root.parent else ""
            named = _quoted([each for each in root.controls if each.name])
            what = f"what is inside <{host}> on {place}{f': {named}' if named else ''}"
            yield Skipped(what, "it is in a closed shadow root, which no locator reaches")


def _guarded(view: View, place: str) -> Iterator[Skipped]:
    for form in view.forms:
        if form.guarded:
            where = "" if form.element.in_chrome else f" on {place}"
            yield Skipped(f"the form {_name(form)}{where}", "it asks for a captcha: it is not sent, nothing is made up")


def _name(form: Form) -> str:
    submit = form.submit
    return f"“{submit.name}”" if submit and submit.name else f"of {_quoted(list(form.fields))}"


def _dragged(view: View, place: str) -> Iterator[Skipped]:
    moved = [
        each
        for each in view.elements
        if each.attrs.get("draggable") == "true"
        or "aria-grabbed" in each.attrs
        or (each.grabbed and each.parent is not None and not each.parent.grabbed and not each.is_field)
    ]
    outer = [each for each in moved if not any(each.inside(other) for other in moved)]
    if len(outer) > 1:
        yield Skipped(f"moving {_quoted(outer)} on {place}", "it is done by dragging, which is not acted out")


def _quoted(elements: list[Element]) -> str:
    """The first few by name, and how many more there are."""
    names = list(dict.fromkeys(name[:40] for each in elements if (name := each.name or each.text)))
    more = len(names) - MOST_NAMED
    shown = ", ".join(f"“{name}”" for name in names[:MOST_NAMED])
    return f"{shown} and {more} more" if more > 0 else shown
