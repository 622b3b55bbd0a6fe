"""What a field of a form is for, and values that are right or wrong for it."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.element import Element

UNIQUE_EMAIL = "tg+${uid}@example.com"
NEW_PASSWORD = "Fresh-Pass-${uid}"  # noqa: S105 - made up for an account that a test registers

_KINDS: tuple[tuple[str, str], ...] = (
    ("email", r"e[- ]?mail"),
    ("password", r"password|passphrase|passwd"),
    ("phone", r"phone|\btel\b|mobile"),
    ("postcode", r"post(al)? ?code|\bzip\b|\bplz\b"),
    ("first_name", r"first ?name|given ?name|forename"),
    ("last_name", r"last ?name|surname|family ?name"),
    ("card", r"card ?(number|no)|credit ?card"),
    ("expiry", r"expir|valid (until|thru)"),
    ("cvc", r"\bcv[cv]2?\b|security code"),
    ("city", r"\b(city|town)\b"),
    ("street", r"street|address|line ?1"),
    ("state", r"\b(state|county|province|region)\b"),
    ("country", r"country"),
    ("company", r"company|organi[sz]ation|business"),
    ("url", r"\burl\b|website|homepage"),
    ("date", r"\bdate\b|birthday|\bday\b"),
    ("amount", r"amount|price|cost|total|\bsum\b"),
    ("quantity", r"quantity|\bqty\b|how many|\bnumber\b|pieces"),
    ("identifier", r"identifier|\bslug\b|short ?name|\bkey\b"),
    (
        "title",
        r"(project|list|group|team|item|product|file|board|task|event|category|page|entry|bill|tag|room|topic) ?name",
    ),
    ("username", r"user ?name|nick ?name|login|handle|user ?id"),
    ("name", r"name|recipient|who|call you"),
    ("title", r"title|subject|summary|topic"),
    ("text", r"message|comment|description|review|question|note|body"),
)
_AUTOCOMPLETE = {
    "name": "name",
    "given-name": "first_name",
    "family-name": "last_name",
    "email": "email",
    "username": "username",
    "new-password": "password",
    "current-password": "password",
    "tel": "phone",
    "street-address": "street",
    "address-line1": "street",
    "address-level1": "state",
    "address-level2": "city",
    "postal-code": "postcode",
    "country": "country",
    "country-name": "country",
    "organization": "company",
    "cc-number": "card",
    "cc-exp": "expiry",
    "cc-csc": "cvc",
    "cc-name": "name",
    "url": "url",
}
_VALUES = {
    "email": UNIQUE_EMAIL,
    "password": NEW_PASSWORD,
    "phone": "+44 20 7946 0018",
    "first_name": "Alex",
    "last_name": "Morgan",
    "name": "Alex ${uid}",
    "identifier": "test-${uid}",
    "card": "4111 1111 1111 1111",
    "expiry": "12/39",
    "cvc": "123",
    "city": "London",
    "street": "1 Test Street",
    "state": "Greater London",
    "country": "United Kingdom",
    "company": "Example Ltd",
    "url": "https://example.com/${uid}",
    "date": "2031-03-14",
    "amount": "12.50",
    "quantity": "2",
    "username": "tg${uid}",
    "title": "Test ${uid}",
    "text": "Written by a test, ${uid}.",
}
POSTCODES = ("SW1A 1AA", "10115", "90210", "1010", "0150")
"""Tried in turn where a page does not say what it wants."""
_EXAMPLE = re.compile(
    r"(?:such as|like|e\.?g\.?|for example|example:?|ex\.?:?)\s*[“\"'\u2018]?([\w@.+-]+(?: \w+)?)", re.IGNORECASE
)
_COUNTRIES = ("United Kingdom", "United States", "Germany", "Norway")
_WRONG = {
    "email": "not-an-address",
    "postcode": "?",
    "phone": "not a number",
    "url": "not a url",
    "date": "",
    "quantity": "0",
}


def words_of(field: Element) -> str:
    """All that a page says about a field."""
    return " ".join(
        (field.name, field.attrs.get("placeholder", ""), field.attrs.get("name", ""), field.attrs.get("id", ""))
    )


def kind_of(field: Element) -> str:
    """What a field is for: ``email``, ``postcode``, … or ``""`` where nothing tells."""
    for token in field.attrs.get("autocomplete", "").lower().split():
        if token in _AUTOCOMPLETE:
            kind = _AUTOCOMPLETE[token]
            return "email" if kind == "username" and field.kind == "email" else kind
    by_type = {
        "email": "email",
        "password": "password",
        "tel": "phone",
        "url": "url",
        "date": "date",
        "search": "search",
    }
    if field.kind in by_type:
        return by_type[field.kind]
    if field.kind == "number":
        return "amount" if re.search(_KINDS_BY_NAME["amount"], words_of(field), re.IGNORECASE) else "quantity"
    said = re.sub(r"[-_]+", " ", words_of(field))
    return next((kind for kind, words in _KINDS if re.search(words, said, re.IGNORECASE)), "")


_KINDS_BY_NAME = dict(_KINDS)


def good_value(field: Element, *, attempt: int = 0) -> str:
    """A value that the field should take. ``attempt`` counts the tries that the app refused."""
    kind = kind_of(field)
    if kind == "postcode":
        examples = [found[1].strip() for found in _EXAMPLE.finditer(field.description)]
        choices = (*examples, *POSTCODES)
        return choices[attempt % len(choices)]
    if kind in ("quantity", "amount") and field.kind == "number":
        return _within_limits(field, 2 if kind == "quantity" else 12)
    value = _VALUES.get(kind, "Test ${uid}")
    limit = int(field.attrs["maxlength"]) if field.attrs.get("maxlength", "").isdigit() else 0
    if limit and len(value.replace("${uid}", "u" * 12)) > limit:
        value = "${uid}" if limit >= 12 else value.replace("${uid}", "")[:limit]
    return value


def _within_limits(field: Element, wanted: int) -> str:
    low, high = (_whole(field.attrs.get(name, "")) for name in ("min", "max"))
    value = max(wanted, low) if low is not None else wanted
    return str(min(value, high) if high is not None else value)


def _whole(text: str) -> int | None:
    return int(float(text)) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def called(field: Element) -> str:
    """Its name, without the mark that it is required; or what it is sent as."""
    return (field.name or field.attrs.get("name", "")).rstrip(" *:")


def wrong_value(field: Element) -> str | None:
    """A value that the field should refuse, or None where every text is good."""
    if field.kind == "number":
        low, high = _whole(field.attrs.get("min", "")), _whole(field.attrs.get("max", ""))
        return str(high + 1) if high is not None else str(low - 1) if low is not None else None
    if field.tag == "select" or field.kind in ("checkbox", "radio", "file", "date", "color", "range"):
        return None
    kind = kind_of(field)
    return _WRONG.get(kind) if kind in ("email", "postcode", "url") else "?" if field.attrs.get("pattern") else None


def good_option(field: Element) -> str | None:
    """The label of the option to choose: a known country, else the first that means something."""
    options = [each for each in field.walk() if each.tag == "option" and "disabled" not in each.attrs]
    labels = [each.attrs.get("label") or each.text for each in options if each.attrs.get("value", each.text).strip()]
    return next((country for country in _COUNTRIES if country in labels), labels[0] if labels else None)
