"""Another shop than that of ``tests/apps``: guests may buy, searches match loosely, lines of a basket have no roles.

It answers the first thing put into a basket with an error, as an app does that cannot serve two people at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from tests.apps.patient_server import serving

USERNAME, PASSWORD = "reader@example.com", "Read-More-1"
BOOKS = {"1": ("Dune", 9.5), "2": ("Emma", 4.25), "3": ("Ulysses", 12.0), "4": ("Walden", 7.75), "5": ("Beowulf", 6.0)}
SOLD_OUT = "5"
ALSO_FOUND = {"dune": "2"}
"""What a search finds besides, as the one is often bought with the other."""
_OPINION = "<form method=post><label>Opinion <textarea name=text required></textarea></label>"
_FILTER = (
    "<form method={}><label><input type=checkbox name=paid {}> Only what is paid</label><label>Since <input name=since>"
    "</label><button>{}</button></form>"
)
_SEARCH = '<form action="/find"><label>Find <input name=q></label><button>Find</button></form>'


@dataclass
class Visitor:
    """What the shop knows of a browser."""

    user: str = ""
    basket: dict[str, int] = field(default_factory=dict)
    wishes: list[str] = field(default_factory=list)
    said: str = ""
    email: str = ""
    address: str = ""
    orders: int = 0


class OtherShop:
    """The pages, and what they remember."""

    def __init__(self) -> None:
        self.users = {USERNAME: PASSWORD}
        self.names = {USERNAME: "Ada"}
        self.visitors: dict[str, Visitor] = {}
        self.errors = 1
        self.filtered = False
        self.refusal: Literal["form", "page", "none"] = "form"
        """Where it says that a sign-in is refused."""
        self.url = ""

    def answer(self, who: Visitor, path: str, form: dict[str, str]) -> str | int:
        """A page, the status of an error, or ``>`` and where to go."""
        match path.strip("/").split("/"):
            case [""]:
                return self._list("All books", list(BOOKS), form.get("sort", ""), sorting=True)
            case ["find"]:
                term = form.get("q", "").lower()
                found = [key for key, (name, _) in BOOKS.items() if term in name.lower()]
                found += [also for word, also in ALSO_FOUND.items() if word == term]
                return self._list(f"{len(found)} found for “{form.get('q', '')}”", found, "")
            case ["book", key]:
                return self._book(who, key)
            case ["add", key]:
                if self.errors:
                    self.errors -= 1
                    return HTTPStatus.INTERNAL_SERVER_ERROR
                who.basket[key] = who.basket.get(key, 0) + 1
                who.said = f"{BOOKS[key][0]} is in your basket now."
                return f">/book/{key}"
            case ["wish", key]:
                others = [each for each in who.wishes if each != key]
                who.wishes = others if key in who.wishes else [*others, key]
                return ">/wishes"
            case ["wishes"] if who.user:
                rows = "".join(
                    f'<tr><td>{BOOKS[key][0]}<td><form method=post action="/wish/{key}"><button>Remove</button></form>'
                    for key in who.wishes
                )
                return f"<h1>Wish list</h1><table>{rows}</table>"
            case ["basket"]:
                return self._basket(who, form)
            case ["voucher"]:
                who.said = f"There is no voucher {form.get('code', '')}."
                return ">/basket"
            case ["sign-in"]:
                return self._sign_in(who, form)
            case ["register"]:
                self.users[form["email"]] = form["password"]
                who.user = form["email"]
                return ">/account"
            case ["sign-out"]:
                who.user = ""
                return ">/"
            case ["account"] if who.user:
                return (
                    '<h1>Your account</h1><p><a href="/wishes">Wish list</a> <a href="/orders">Past orders</a> '
                    '<a href="/new-password">Change password</a> <a href="/details">Account details</a></p>'
                )
            case ["card"] if who.user:
                return "<h1>New card</h1><form method=post><label>Name <input name=name></label><button>Add</button>"
            case ["opinion"]:
                stars = "<select name=stars required hidden><option value=''>None</select>"
                return f"<article><h1>Opinion</h1>{_OPINION}{stars}<button>Say</button></form></article>"
            case ["praise"]:
                return f"<article><h1>Praise</h1>{_OPINION}<button>Praise</button></form></article>"
            case ["new-password"] if who.user:
                return self._new_password(who, form)
            case ["details"] if who.user:
                return self._details(who, form)
            case ["orders"] if who.user:
                rows = "".join(f"<tr><td>{number + 1}<td>£9.50" for number in range(who.orders))
                shown = _FILTER.format("get", "checked" if "paid" in form else "", "Filter")
                return f"<h1>Past orders</h1>{shown}<table>{rows}</table>"
            case ["spam"] if who.user:
                self.filtered |= bool(form)
                return f"<h1>Spam</h1>{_FILTER.format('post', '', 'Keep this filter')}"
            case ["account" | "wishes" | "orders"]:
                return ">/sign-in"
            case ["till", *rest]:
                return self._till(who, "/".join(rest), form)
        return HTTPStatus.NOT_FOUND

    def _new_password(self, who: Visitor, form: dict[str, str]) -> str:
        if form and form["old"] == self.users[who.user] and form["new"] == form["again"]:
            self.users[who.user] = form["new"]
            who.said = "Your password is another one now."
            return ">/account"
        fields = "".join(
            f"<label>{label} <input type=password name={name}></label>"
            for name, label in (("old", "What it was"), ("new", "What it is to be"), ("again", "Once more"))
        )
        return f"<h1>Change password</h1><form method=post>{fields}<button>Save</button></form>"

    def _details(self, who: Visitor, form: dict[str, str]) -> str:
        """The address one signs in with is changed here, too."""
        if form:
            password = self.users.pop(who.user)
            who.user = form["email"]
            self.users[who.user], self.names[who.user] = password, form["name"]
            who.said = "We know now who you are."
            return ">/account"
        return (
            f"<h1>Your details</h1><form method=post><label>E-mail <input type=email name=email value='{who.user}' "
            f"required></label><label>Your name <input name=name required value='{self.names.get(who.user, '')}'>"
            "</label><label>Friends <input name=friends></label><button>Save</button></form>"
        )

    def _list(self, heading: str, keys: list[str], sort: str, *, sorting: bool = False) -> str:
        if sort:
            keys = sorted(keys, key=lambda key: BOOKS[key][1], reverse=sort == "down")
        choice = "".join(
            f"<option value='{value}'{' selected' if value == sort else ''}>{label}"
            for value, label in (("", "As they come"), ("up", "Price low to high"), ("down", "Price high to low"))
        )
        books = "".join(
            f'<li><h3><a href="/book/{key}">{BOOKS[key][0]}</a></h3><p>£{BOOKS[key][1]:.2f}</p>'
            f"<p>{'Unavailable' if key == SOLD_OUT else 'In stock'}</p>{self._adding(key)}</li>"
            for key in keys
        )
        sorter = f"<form><label>Sort <select name=sort>{choice}</select></label><button>Sort</button></form>"
        return f"<h1>{heading}</h1>{sorter if sorting else ''}<ol>{books}</ol>"

    def _adding(self, key: str) -> str:
        return "" if key == SOLD_OUT else f'<form method=post action="/add/{key}"><button>Add to basket</button></form>'

    def _book(self, who: Visitor, key: str) -> str:
        name, price = BOOKS[key]
        wish = f'<form method=post action="/wish/{key}"><button>Add to wish list</button></form>' if who.user else ""
        stock = "Unavailable" if key == SOLD_OUT else "In stock."
        return f"<h1>{name}</h1><p>£{price:.2f}</p><p>{stock}</p>{self._adding(key)}{wish}"

    def _basket(self, who: Visitor, form: dict[str, str]) -> str:
        for key, count in form.items():
            who.basket[key] = int(count)
        who.basket = {key: count for key, count in who.basket.items() if count}
        if not who.basket:
            return "<h1>Basket</h1><p>Your basket is empty.</p>"
        lines = "".join(
            f'<div><h3><a href="/book/{key}">{BOOKS[key][0]}</a></h3><input type=number min=0 max=50 name={key} '
            f"value={count}><button>Update</button><button name={key} value=0>Remove</button>"
            f"<p>£{BOOKS[key][1] * count:.2f}</p></div>"
            for key, count in who.basket.items()
        )
        return (
            f"<h1>Basket</h1><form method=post>{lines}</form><table><tr><th>Total<td>£{self._total(who):.2f}</table>"
            '<form method=post action="/voucher"><label>Voucher code <input name=code></label><button>Use it</button>'
            '</form><p><a href="/till">Go to checkout</a></p>'
        )

    def _total(self, who: Visitor) -> float:
        return sum(BOOKS[key][1] * count for key, count in who.basket.items())

    def _sign_in(self, who: Visitor, form: dict[str, str]) -> str:
        if form and self.users.get(form["email"]) == form["password"]:
            who.user = form["email"]
            return ">/account"
        if form and self.refusal != "form":
            return "<h1>Refused</h1><p>That is not right.</p>" if self.refusal == "page" else ">/"
        who.said = "That is not right." if form else ""
        return (
            "<h1>Sign in</h1><form method=post><label>E-mail <input type=email name=email required></label>"
            "<label>Password <input type=password name=password required></label><button>Sign in</button></form>"
            "<h2>New here?</h2><form method=post action='/register'><label>Your e-mail <input type=email name=email "
            "required></label><label>New password <input type=password name=password autocomplete=new-password "
            "required></label><button>Register</button></form>"
        )

    def _till(self, who: Visitor, page: str, form: dict[str, str]) -> str:
        if page == "thanks":
            return "<h1>Thank you</h1><p>Your order is on its way.</p>"
        if not who.basket:
            who.said = "You need something in your basket first."
            return ">/basket"
        if page == "order":
            who.basket, who.orders = {}, who.orders + 1
            return ">/till/thanks"
        if page == "check":
            return (
                f"<h1>Check your order</h1><p>To {who.address}</p>"
                f"<table><tr><th>Total<td>£{self._total(who):.2f}</table>"
                '<form method=post action="/till/order"><button>Place order</button></form>'
            )
        if page == "address":
            who.email, who.address = form.get("email", who.email), form.get("street", "")
            if who.address:
                return ">/till/check"
            return (
                "<h1>Address</h1><form method=post action='/till/address'><label>Street <input name=street required>"
                "</label><button>Continue</button></form>"
            )
        if who.user:
            return ">/till/address"
        return (
            "<h1>Who are you?</h1><form method=post action='/till/address'><label>E-mail <input type=email name=email "
            "required></label><label><input type=radio name=as value=guest checked> I am new here</label><label>"
            "<input type=radio name=as value=member> I have been here before</label>"
            "<label>Password <input type=password name=password disabled></label><button>Continue</button></form>"
        )


@contextmanager
def other_shop() -> Iterator[OtherShop]:
    """A fresh shop that is open."""
    shop = OtherShop()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(urlsplit(self.path).query)

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

        def _answer(self, sent: str) -> None:
            morsel = SimpleCookie(self.headers.get("Cookie", "")).get("visitor")
            identity = morsel.value if morsel else secrets.token_hex(8)
            who = shop.visitors.setdefault(identity, Visitor())
            form = {name: values[-1] for name, values in parse_qs(sent).items()}
            answer = shop.answer(who, urlsplit(self.path).path, form)
            status = answer if isinstance(answer, int) else HTTPStatus.OK
            body = "" if isinstance(answer, int) else answer
            if body.startswith(">"):
                self.send_response(HTTPStatus.SEE_OTHER)
                self.send_header("Location", body[1:])
            else:
                self.send_response(status)
                self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Set-Cookie", f"visitor={identity}; Path=/")
            self.end_headers()
            if not body.startswith(">"):
                self.wfile.write(self._page(who, body).encode())

        def _page(self, who: Visitor, body: str) -> str:
            said, who.said = who.said, ""
            account = '<a href="/account">Account</a> <a href="/sign-out">Sign out</a>'
            door = account if who.user else '<a href="/sign-in">Sign in or register</a>'
            return (
                f"<!doctype html><html lang=en><title>Books</title><header><a href='/'>Books</a> "
                f"<a href='/basket'>Basket</a> {door} {_SEARCH}</header>"
                f"{f'<div class=alert><div>{said}</div></div>' if said else ''}{body}"
            )

        def log_message(self, *args: object) -> None:
            pass

    with serving(Handler) as url:
        shop.url = f"{url}/"
        yield shop
