"""Filling in forms as a person would: what a form is for, which of its fields are needed, and how they are filled."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.fields import good_option, good_value, words_of
from agent_runtime_server.adapters.explorer.language import Action, Choose, Fill, Locator, SetChecked
from agent_runtime_server.adapters.explorer.text import references
from agent_runtime_server.adapters.explorer.view import Form

_CONSENT = re.compile(r"agree|accept|terms|conditions|consent|rules|privacy|read", re.IGNORECASE)
_OPTIONAL = re.compile(r"optional|if you (like|wish|want)|voucher|coupon|promo|gift", re.IGNORECASE)


_NAMES = frozenset({"title", "name", "identifier", "username"})
"""What a field is for that a list shows, rather than an address or a text."""


@dataclass(frozen=True)
class Entry:
    """One field and what is put into it."""

    field: Element
    target: Locator
    action: Action
    kind: str


def is_sign_in(form: Form) -> bool:
    """One password and one name, nothing else to type: a form to sign in with."""
    typed = [each for each in form.fields if each.kind in ("text", "email", "tel", "number")]
    passwords = form.of_kind("password")
    fresh = any("new-password" in each.attrs.get("autocomplete", "") for each in passwords)
    return len(passwords) == 1 and len(typed) == 1 and not fresh and form.method != "dialog"


def is_registration(form: Form) -> bool:
    """A password is chosen here: twice, or together with more than a name. What is filled in already is an account."""
    typed = [each for each in form.fields if each.kind in ("text", "email", "tel")]
    new = bool(typed) and not any(each.value for each in typed)
    return new and len(form.of_kind("password")) in (1, 2) and not is_sign_in(form)


def is_search(form: Form) -> bool:
    """One field to look something up with."""
    typed = [each for each in form.fields if each.kind in ("text", "search")]
    if len(typed) != 1 or form.of_kind("password") or form.method == "post":
        return False
    names = " ".join(each.name for each in form.buttons)
    said = f"{words_of(typed[0])} {typed[0].kind} {form.element.role} {form.action} {names}"
    return bool(re.search(r"search|find|look|query|\bq\b", said, re.IGNORECASE))


def wanted_fields(form: Form) -> list[Element]:
    """The fields that a person must fill: the required ones, or where none is marked all that do not say optional."""
    usable = [
        each for each in form.fields if not each.disabled and "readonly" not in each.attrs and each.kind != "file"
    ]
    marked = [each for each in usable if each.required]
    if marked:
        return [each for each in usable if each.required or (each.kind == "checkbox" and _CONSENT.search(each.name))]
    return [
        each
        for each in usable
        if not _OPTIONAL.search(words_of(each)) and not (each.kind == "checkbox" and not _CONSENT.search(each.name))
    ]


def action_for(field: Element, target: Locator, *, attempt: int = 0) -> Action | None:
    """How to give a field a good value; None when it has one that should stay."""
    if field.kind == "checkbox":
        return SetChecked(target)
    if field.kind == "radio":
        return None if field.checked else SetChecked(target)
    if field.tag == "select":
        option = good_option(field)
        return Choose(target, option) if option is not None else None
    return Fill(target, good_value(field, attempt=attempt))


def radio_choices(fields: Sequence[Element]) -> list[Element]:
    """Of each group of radio buttons the first, unless one is chosen already; other fields as they are."""
    groups: dict[str, list[Element]] = {}
    for each in fields:
        if each.kind == "radio":
            groups.setdefault(each.attrs.get("name", ""), []).append(each)
    chosen = [next((each for each in group if each.checked), group[0]) for group in groups.values()]
    return [each for each in fields if each.kind != "radio" or any(each is one for one in chosen)]


def key_of(entries: Sequence[Entry]) -> Entry | None:
    """The entry whose value no other run has; a name or a title if there is one, as that is what lists show."""
    unique = [
        each
        for each in entries
        if isinstance(each.action, Fill) and "uid" in references(each.action.value) and each.kind != "password"
    ]
    return min(unique, key=lambda each: (each.field.tag == "textarea", each.kind not in _NAMES), default=None)
