"""The product is built for kinds of apps: nothing that is proper to a sample app occurs in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest

from tests.apps.faulty_pages import pages
from tests.apps.hard_pages import PAGES
from tests.apps.shop import CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PASSWORD, LOOKS
from tests.apps.shop.catalogue import THEMES, Catalogue

ROOT = Path(__file__).parents[2]
SOURCES = frozenset(
    {".py", ".pyi", ".js", ".mjs", ".ts", ".css", ".html", ".json", ".md", ".toml", ".yaml", ".txt", ".sh"}
)
NOT_OURS = frozenset({"vendor", "__pycache__", "node_modules"})

REAL_APPS = (
    *(
        "todomvc",
        "todo mvc",
        "ihatemoney",
        "i hate money",
        "django-oscar",
        "oscar",
        "sandbox.oscarcommerce",
        "trac",
        "tracd",
    ),
    *("dedicated to testing", "what needs to be done"),
)
"""Apps of others that the explorer is tried on, and what only they say."""
THEIR_DATA = (
    *("trip to rome", "rome", "rome-pass", "carol", "carla", "admin-pass-123", "budget manager"),
    *("pride and prejudice", "moby-dick", "dracula", "frankenstein", "the moonstone", "baskervilles"),
    *("origin of species", "opticks", "structure and interpretation", "art of testing", "out of stock handbook"),
    *("book shop", "trac_admin", "ticket_create", "wikistart", "passw0rd-123"),
)
"""Projects, users, passwords and things that those apps are filled with."""
THEIR_ROUTES = (
    *(
        "/examples/backbone",
        "/examples/react",
        "/catalogue/category",
        "/basket/add",
        "/accounts/profile",
        "/dashboard/catalogue",
    ),
    *("/rome/", "/settle_bills", "/authenticate?next", "/newticket", "/wiki/wikistart", "/prefs", "/roadmap"),
)
"""Addresses that only those apps have."""
LONG = 4
"""A text of this many words is an app's own, not what any app says."""


def _of_the_shop() -> Iterator[str]:
    yield from (CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PASSWORD)
    for theme in THEMES:
        yield from (product.name for product in Catalogue(theme, 0).products)
    for look in LOOKS:
        yield look.words.shop_name
        yield from (words for text in astuple(look.words) if _is_long(words := _without_fields(text)))
        yield from (route for route in astuple(look.routes) if route.count("/") > 1)


def _is_long(text: str) -> bool:
    return len(text.split()) >= LONG


def _without_fields(text: str) -> str:
    """The longest part of a text between the places where something is filled in."""
    return max(re.split(r"\{\w+\}", text), key=len).strip(" “”.,:!")


def _of_the_pages() -> Iterator[str]:
    bodies = [body for body in (*PAGES.values(), *pages().values()) if isinstance(body, str)]
    for body in bodies:
        yield from (text for text in re.findall(r">([^<>{}]+)<", body) if _is_long(text))


WORDS = sorted({word.lower() for word in (*_of_the_shop(), *_of_the_pages(), *REAL_APPS, *THEIR_DATA, *THEIR_ROUTES)})


def _product() -> Iterator[Path]:
    for folder in ("client", "server", "config"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SOURCES and not NOT_OURS & set(path.relative_to(ROOT).parts):
                yield path


@pytest.fixture(scope="module")
def texts() -> dict[Path, str]:
    return {path: path.read_text().lower() for path in _product()}


def test_nothing_of_a_sample_is_in_the_product(texts: dict[Path, str]) -> None:
    assert len(texts) > 200
    whole = "\n".join(texts.values())
    suspects = [word for word in WORDS if word in whole]
    found = {
        f"{path.relative_to(ROOT)}: {word}"
        for word in suspects
        for path, text in texts.items()
        if re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text)
    }
    assert not found


@pytest.mark.parametrize("word", ["hazel cushion", "trailbound outfitters", "/look-up/hints", "rome-pass", "oscar"])
def test_the_words_are_those_of_the_samples(word: str) -> None:
    assert word in WORDS
