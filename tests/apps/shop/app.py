"""The shop as a whole: which handler answers which request. It knows nothing of sockets."""

import hmac
from collections.abc import Collection
from dataclasses import replace
from http import HTTPStatus

from tests.apps.shop import browsing, buying, membership, pages
from tests.apps.shop.assets import asset
from tests.apps.shop.catalogue import Catalogue
from tests.apps.shop.exchange import Request, Response, page
from tests.apps.shop.faults import Fault
from tests.apps.shop.looks import Look
from tests.apps.shop.store import Store
from tests.apps.shop.visit import Handler, Handlers, Visit

ASSETS = "/static/"


class App:
    """One shop with its state. `respond` may be called from many threads at once."""

    def __init__(self, look: Look, seed: int, faults: Collection[Fault]) -> None:
        routes = look.routes
        self._look = look
        self._faults = faults
        self._catalogue = Catalogue(look.theme, seed)
        self._store = Store()
        self._handlers: Handlers = {
            **browsing.handlers(routes),
            **buying.handlers(routes),
            **membership.handlers(routes),
        }
        self._families: dict[str, Handler] = {**browsing.families(routes), **buying.families(routes)}

    def respond(self, request: Request) -> Response:
        if request.path.startswith(ASSETS):
            found = asset(request.path.removeprefix(ASSETS), self._catalogue)
            return found or Response(status=HTTPStatus.NOT_FOUND)
        session = self._store.session(request.session_id)
        visit = Visit(self._look, self._catalogue, self._store, self._faults, request, session)
        response = self._answer(visit)
        return response if response.session_id else response.for_session(session)

    def _answer(self, visit: Visit) -> Response:
        request, words = visit.request, visit.words
        family, _, rest = request.path.rpartition("/")
        methods = self._handlers.get(request.path)
        if methods is None and family in self._families:
            methods, visit = {"GET": self._families[family]}, replace(visit, rest=rest)
        if methods is not None and request.method not in methods:
            return Response(status=HTTPStatus.METHOD_NOT_ALLOWED)
        if request.method == "POST" and not _has_token(visit):
            return page(pages.notice(visit.shell(), words.refused_heading, words.refused), HTTPStatus.FORBIDDEN)
        response = methods[request.method](visit) if methods else None
        return response or page(pages.notice(visit.shell(), words.missing_heading, words.missing), HTTPStatus.NOT_FOUND)


def _has_token(visit: Visit) -> bool:
    return hmac.compare_digest(visit.form.get("csrf_token", "").encode(), visit.session.csrf.encode())
