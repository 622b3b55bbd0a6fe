"""The state of one shop: sessions with their carts, users and orders. In memory, gone when the process ends."""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal

CUSTOMER_EMAIL = "customer@example.com"
CUSTOMER_PASSWORD = "Passw0rd-123"
CUSTOMER_NAME = "Casey Customer"

FIRST_ORDER_NUMBER = 1001
MOST_SESSIONS = 10_000
MOST_OF_ONE_PRODUCT = 20


@dataclass(frozen=True)
class Flash:
    """A message for the next page that the visitor sees."""

    text: str
    role: Literal["status", "alert"] = "status"


@dataclass(frozen=True)
class Session:
    """What the shop knows about one visitor. `cart` maps a product's id to its quantity."""

    id: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    email: str | None = None
    cart: Mapping[int, int] = field(default_factory=dict)
    language: str = ""
    flash: Flash | None = None


@dataclass(frozen=True)
class User:
    email: str
    name: str
    salt: bytes
    digest: bytes


@dataclass(frozen=True)
class Line:
    """One product of a cart or an order; the price is in cents."""

    product_id: int
    name: str
    unit_price: int
    quantity: int

    @property
    def total(self) -> int:
        return self.unit_price * self.quantity


@dataclass(frozen=True)
class Order:
    """A placed order; the amounts are in cents, `total` includes the delivery."""

    email: str
    lines: Sequence[Line]
    delivery: str
    delivery_price: int
    total: int
    placed: date
    number: int = 0
    """Given by the store when the order is placed."""


class Store:
    """Sessions, users and orders behind one lock. Every value it gives out is frozen.

    The session unused for longest is dropped when there are too many.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._users: dict[str, User] = {}
        self._orders: list[Order] = []
        self.add_user(CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PASSWORD)

    def session(self, session_id: str | None) -> Session:
        """The session with this id, or a new one."""
        with self._lock:
            known = self._sessions.get(session_id or "")
            if known:
                self._sessions.move_to_end(known.id)
                return known
            return self._keep(Session())

    def sign_in(self, session: Session, email: str, flash: Flash) -> Session:
        """A new session for the same visitor, so that an id known from before is worth nothing. The cart stays."""
        with self._lock:
            latest = self._sessions.pop(session.id, session)
            return self._keep(Session(email=email.lower(), cart=latest.cart, language=latest.language, flash=flash))

    def sign_out(self, session: Session, flash: Flash) -> Session:
        with self._lock:
            self._sessions.pop(session.id, None)
            return self._keep(Session(language=session.language, flash=flash))

    def set_flash(self, session: Session, flash: Flash) -> None:
        with self._lock:
            self._change(replace(self._latest(session), flash=flash))

    def take_flash(self, session: Session) -> Flash | None:
        """The waiting message, which is then no longer waiting."""
        with self._lock:
            latest = self._latest(session)
            self._change(replace(latest, flash=None))
            return latest.flash

    def set_language(self, session: Session, language: str) -> None:
        with self._lock:
            self._change(replace(self._latest(session), language=language))

    def add_to_cart(self, session: Session, product_id: int, quantity: int) -> Session:
        """Add to what is there already, up to the most that the shop sells of one product."""
        with self._lock:
            latest = self._latest(session)
            quantity = min(latest.cart.get(product_id, 0) + quantity, MOST_OF_ONE_PRODUCT)
            return self._change(replace(latest, cart={**latest.cart, product_id: quantity}))

    def set_quantity(self, session: Session, product_id: int, quantity: int) -> None:
        """Set the quantity of a product that is in the cart; 0 takes it out. A product that is not there stays out."""
        with self._lock:
            latest = self._latest(session)
            cart = {key: quantity if key == product_id else count for key, count in latest.cart.items()}
            self._change(replace(latest, cart={key: count for key, count in cart.items() if count}))

    def user(self, email: str | None) -> User | None:
        return self._users.get((email or "").lower())

    def add_user(self, email: str, name: str, password: str) -> User | None:
        """The new user, or None if the e-mail is taken."""
        salt = secrets.token_bytes(16)
        user = User(email.lower(), name, salt, _digest(password, salt))
        with self._lock:
            return user if self._users.setdefault(user.email, user) is user else None

    def password_matches(self, email: str, password: str) -> bool:
        user = self.user(email)
        return user is not None and hmac.compare_digest(user.digest, _digest(password, user.salt))

    def place_order(self, session: Session, order: Order) -> Order | None:
        """Number and keep the order and empty the cart; None if the cart is no longer the one that the order is for.

        So a checkout that is sent twice makes one order.
        """
        with self._lock:
            latest = self._latest(session)
            if latest.cart != session.cart:
                return None
            placed = replace(order, number=FIRST_ORDER_NUMBER + len(self._orders))
            self._orders.append(placed)
            self._change(replace(latest, cart={}))
            return placed

    def orders(self, email: str) -> list[Order]:
        """The user's orders, newest first."""
        with self._lock:
            return [order for order in reversed(self._orders) if order.email == email]

    def _latest(self, session: Session) -> Session:
        return self._sessions.get(session.id, session)

    def _change(self, session: Session) -> Session:
        # A session that another request has just ended must not come back.
        if session.id in self._sessions:
            self._sessions[session.id] = session
        return session

    def _keep(self, session: Session) -> Session:
        self._sessions[session.id] = session
        if len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1)
