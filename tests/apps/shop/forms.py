"""The forms as data: one list of fields says how a form is drawn and how the server checks it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tests.apps.shop.elements import Html, element, join
from tests.apps.shop.looks import Look
from tests.apps.shop.words import Words

EMAIL = r"[^@\s]+@[^@\s]+\.[^@\s]+"
LONGEST = 200

Kind = Literal["text", "email", "password", "tel", "textarea", "checkbox", "radio", "select"]


@dataclass(frozen=True)
class Field:
    """One field. Only the server knows `pattern`: a browser lets a value through that does not match it."""

    name: str
    label: str
    kind: Kind = "text"
    required: bool = True
    autocomplete: str | None = None
    hint: str = ""
    pattern: str = ""
    complaint: str = ""
    """What is said when the value does not match the pattern."""
    options: tuple[tuple[str, str], ...] = ()
    """The values of a radio group or select, each with its label."""


def sign_in_fields(words: Words) -> list[Field]:
    return [
        Field("email", words.email, "email", autocomplete="username"),
        Field("password", words.password, "password", autocomplete="current-password"),
    ]


def registration_fields(words: Words) -> list[Field]:
    return [
        Field("name", words.name, autocomplete="name"),
        Field("email", words.email, "email", autocomplete="email", pattern=EMAIL, complaint=words.bad_email),
        Field(
            "password",
            words.password,
            "password",
            autocomplete="new-password",
            hint=words.password_hint,
            pattern=".{8,}",
            complaint=words.password_short,
        ),
        Field("repeat", words.repeat, "password", autocomplete="new-password"),
    ]


def checkout_fields(look: Look) -> list[Field]:
    words = look.words
    return [
        Field("full_name", words.full_name, autocomplete="name"),
        Field("street", words.street, autocomplete="street-address"),
        Field("city", words.city, autocomplete="address-level2"),
        Field(
            "postcode",
            words.postcode,
            autocomplete="postal-code",
            hint=words.postcode_hint,
            pattern=look.postcode,
            complaint=words.bad_postcode,
        ),
        Field("phone", words.phone, "tel", required=False, autocomplete="tel"),
        Field(
            "delivery",
            words.delivery,
            look.markup.delivery,
            options=(
                ("standard", f"{words.standard} ({words.free})"),
                ("express", f"{words.express} ({look.money.text(look.express_price)})"),
            ),
        ),
        Field("terms", words.terms, "checkbox"),
    ]


def contact_fields(words: Words) -> list[Field]:
    return [
        Field("name", words.name, autocomplete="name"),
        Field("email", words.email, "email", autocomplete="email", pattern=EMAIL, complaint=words.bad_email),
        Field("message", words.message, "textarea"),
    ]


def newsletter_fields(words: Words) -> list[Field]:
    return [Field("email", words.newsletter, "email", autocomplete="email", pattern=EMAIL, complaint=words.bad_email)]


def problems(fields: Sequence[Field], values: Mapping[str, str], words: Words) -> dict[str, str]:
    """What is wrong with the values, by the field's name; empty if all is well."""
    found = {field.name: _problem(field, values.get(field.name, "").strip(), words) for field in fields}
    return {name: text for name, text in found.items() if text}


def _problem(field: Field, value: str, words: Words) -> str:
    if not value:
        return words.required.format(label=field.label) if field.required else ""
    if len(value) > LONGEST:
        return words.too_long.format(label=field.label)
    if field.options and value not in dict(field.options):
        return words.bad_choice
    if field.pattern and not re.fullmatch(field.pattern, value):
        return field.complaint
    return ""


@dataclass(frozen=True)
class Drawing:
    """Draws the fields of one form; `form` begins their ids, as the same field may be in two forms of a page."""

    look: Look
    form: str
    values: Mapping[str, str]
    errors: Mapping[str, str]

    def fields(self, fields: Sequence[Field]) -> Html:
        return join(self._field(field) for field in fields)

    def _field(self, field: Field) -> Html:
        hint = element("small", field.hint, id=f"{self._id(field)}-hint") if field.hint else None
        error = self.errors.get(field.name)
        complaint = element("p", error, class_="error", id=f"{self._id(field)}-error") if error else None
        if field.kind == "radio":
            return element(
                "fieldset",
                element("legend", field.label),
                self._radios(field),
                complaint,
                aria_describedby=self._described(field),
            )
        control = self._control(field)
        if field.kind == "checkbox":
            label = element("label", control, " ", field.label, class_="choice")
        elif self.look.markup.label == "wrap":
            label = element("label", element("span", field.label), control)
        else:
            label = join(element("label", field.label, for_=self._id(field)), control)
        return element("div", label, hint, complaint, class_="field")

    def _control(self, field: Field) -> Html:
        value = "" if field.kind == "password" else self.values.get(field.name, "")
        attributes: dict[str, str | int | bool | None] = {
            "id": self._id(field),
            "name": field.name,
            "required": field.required,
            "autocomplete": field.autocomplete,
            "aria_invalid": "true" if field.name in self.errors else None,
            "aria_describedby": self._described(field),
        }
        match field.kind:
            case "textarea":
                return element("textarea", value, rows=5, maxlength=LONGEST, **attributes)
            case "select":
                return element("select", select_options(field.options, value), **attributes)
            case "checkbox":
                return element("input", type="checkbox", value="yes", checked=bool(value), **attributes)
            case _:
                return element("input", type=field.kind, value=value or None, maxlength=LONGEST, **attributes)

    def _radios(self, field: Field) -> list[Html]:
        chosen = self.values.get(field.name) or field.options[0][0]
        return [
            element(
                "label",
                element("input", type="radio", name=field.name, value=value, checked=value == chosen, required=True),
                " ",
                label,
                class_="choice",
            )
            for value, label in field.options
        ]

    def _described(self, field: Field) -> str | None:
        ids = [f"{self._id(field)}-hint"] if field.hint else []
        if field.name in self.errors:
            ids.append(f"{self._id(field)}-error")
        return " ".join(ids) or None

    def _id(self, field: Field) -> str:
        return f"{self.form}-{field.name}".replace("_", "-")


def select_options(options: Sequence[tuple[str, str]], chosen: str) -> list[Html]:
    return [element("option", label, value=value, selected=value == chosen) for value, label in options]
