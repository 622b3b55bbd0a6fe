"""Which forms may be sent: those that the instructions allow and that do no harm."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.flow import Skipped
from agent_runtime_server.adapters.explorer.mine_texts import text_in
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.templates import pattern
from agent_runtime_server.adapters.explorer.view import Form
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, RISKY, concepts_in, speaks_of

_NOT_TYPED = frozenset({"checkbox", "radio", "number", "select", "search", "file", "range", "color"})


def typed(form: Form) -> list[Element]:
    """The fields that are typed into."""
    return [each for each in form.fields if each.kind not in _NOT_TYPED]


def asks(place: Place) -> bool:
    """The form looks something up rather than make it."""
    said = f"{place.form.element.name} {place.name} {place.sends}"
    attrs = place.form.element.attrs
    query = attrs.get("method", "get").lower() == "get" and ("action" in attrs or "method" in attrs)
    return query or speaks_of("filter", said) or speaks_of("search", said)


def may_be_sent(kit: Kit, place: Place, concept: str = "form") -> bool:
    """The instructions allow it, and it does no harm; what does is told."""
    said = f"{place.name} {place.sends} {place.visit.path} {place.form.action}"
    if not kit.wants(concept, *concepts_in(said), text=said):
        return False
    if place.form.unseen:
        names = ", ".join(f"“{each.attrs.get('name', '')}”" for each in place.form.unseen)
        return _not_sent(kit, place, f"{names} must be filled in, and no field for it is shown")
    risky = RISKY.search(f"{place.name} {place.sends}") and not kit.may_change_data and not kit.wish.weight(said)
    if ALWAYS_RISKY.search(said) or risky:
        return _not_sent(kit, place, "sending it may do harm")
    if place.visit.signed_in and place.form.of_kind("password"):
        return _not_sent(kit, place, "it would change what the user signs in with")
    if place.visit.signed_in and _is_prefilled(place.form) and not kit.may_change_data:
        if place.visit.path in kit.own_things:
            return False
        return _not_sent(kit, place, "it would change the user's own data")
    if _is_of_a_thing(place) and text_in(place.form) is None and not kit.may_change_data:
        return _not_sent(kit, place, "it would change what is there already")
    return True


def _is_prefilled(form: Form) -> bool:
    """Something is typed into it already, other than what such a form begins with."""
    return any(each.value and each.kind not in ("date", "hidden") for each in typed(form))


def _is_of_a_thing(place: Place) -> bool:
    """It changes one of several things, which somebody else has made."""
    return ":id" in pattern(place.visit.path) and _is_prefilled(place.form)


def _not_sent(kit: Kit, place: Place, why: str) -> bool:
    what = f"the form “{place.name}” on {place.visit.path}"
    if kit.site.leave_out(Skipped(what, why)):
        kit.log(f"not sending {what}: {why}")
    return False
