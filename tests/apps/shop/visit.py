"""One request in its place: the shop that got it and the session that it belongs to."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from tests.apps.shop.catalogue import Catalogue
from tests.apps.shop.exchange import Request, Response, redirect
from tests.apps.shop.faults import Fault
from tests.apps.shop.layout import Shell
from tests.apps.shop.looks import Look
from tests.apps.shop.store import Flash, Session, Store, User
from tests.apps.shop.words import Words


@dataclass(frozen=True)
class Visit:
    look: Look
    catalogue: Catalogue
    store: Store
    faults: Collection[Fault]
    request: Request
    session: Session
    rest: str = ""
    """What follows the route in the path: a slug, id or number."""

    @property
    def words(self) -> Words:
        return self.look.words

    @property
    def form(self) -> Mapping[str, str]:
        return self.request.form

    @property
    def user(self) -> User | None:
        return self.store.user(self.session.email)

    def shell(self, search_term: str = "") -> Shell:
        """The frame for a page; it shows the waiting message, which is then gone."""
        flash = self.store.take_flash(self.session)
        return Shell(self.look, self.catalogue.categories, self.session, self.request.target, search_term, flash)

    def go(self, path: str, flash: Flash | None = None) -> Response:
        """Sends the visitor to another page, with a message there."""
        if flash:
            self.store.set_flash(self.session, flash)
        return redirect(path)


Handler = Callable[[Visit], Response | None]
"""Answers one visit; None if what it asks for does not exist."""

Handlers = dict[str, dict[str, Handler]]
"""The handler of each path and method."""
