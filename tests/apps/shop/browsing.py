"""Handlers for looking round the shop."""

from collections.abc import Sequence

from tests.apps.shop import pages
from tests.apps.shop.catalogue import Product, ProductPage, page_of
from tests.apps.shop.exchange import Response, json_answer, local_path, page, whole_number
from tests.apps.shop.forms import contact_fields, newsletter_fields, problems
from tests.apps.shop.looks import Routes
from tests.apps.shop.store import Flash
from tests.apps.shop.visit import Handler, Handlers, Visit

MOST_SUGGESTIONS = 5


def handlers(routes: Routes) -> Handlers:
    return {
        "/": {"GET": home},
        routes.search: {"GET": search},
        routes.suggest: {"GET": suggest},
        routes.about: {"GET": about},
        routes.contact: {"GET": contact, "POST": send_message},
        routes.newsletter: {"POST": subscribe},
        routes.language: {"POST": change_language},
    }


def families(routes: Routes) -> dict[str, Handler]:
    return {routes.category: category, routes.product: product}


def home(visit: Visit) -> Response:
    return page(pages.home(visit.shell(), _page_of(visit, visit.catalogue.products)))


def category(visit: Visit) -> Response | None:
    chosen = visit.catalogue.category(visit.rest)
    if chosen is None:
        return None
    return page(pages.category(visit.shell(), chosen, _page_of(visit, visit.catalogue.within(chosen))))


def product(visit: Visit) -> Response | None:
    number = whole_number(visit.rest.partition("-")[0])
    chosen = visit.catalogue.product(number) if number else None
    return page(pages.product(visit.shell(), chosen)) if chosen else None


def search(visit: Visit) -> Response:
    return page(pages.search(visit.shell(_term(visit)), _page_of(visit, _found(visit))))


def suggest(visit: Visit) -> Response:
    hits = _found(visit)[:MOST_SUGGESTIONS]
    return json_answer([{"name": hit.name, "path": visit.look.product_path(hit)} for hit in hits])


def about(visit: Visit) -> Response:
    return page(pages.about(visit.shell()))


def contact(visit: Visit) -> Response:
    return page(pages.contact(visit.shell(), {}, {}))


def send_message(visit: Visit) -> Response:
    errors = problems(contact_fields(visit.words), visit.form, visit.words)
    if errors:
        return page(pages.contact(visit.shell(), visit.form, errors))
    return visit.go(visit.look.routes.contact, Flash(visit.words.contact_thanks))


def subscribe(visit: Visit) -> Response:
    errors = problems(newsletter_fields(visit.words), visit.form, visit.words)
    flash = Flash(errors["email"], "alert") if errors else Flash(visit.words.newsletter_thanks)
    return visit.go(_where_from(visit), flash)


def change_language(visit: Visit) -> Response:
    language = visit.form.get("language", "")
    if language not in visit.look.languages:
        return visit.go(_where_from(visit), Flash(visit.words.bad_choice, "alert"))
    visit.store.set_language(visit.session, language)
    return visit.go(_where_from(visit), Flash(visit.words.language_saved.format(language=language)))


def _where_from(visit: Visit) -> str:
    return local_path(visit.form.get("next", "/"))


def _term(visit: Visit) -> str:
    return visit.request.query.get("q", "").strip()


def _found(visit: Visit) -> Sequence[Product]:
    if "broken-search" in visit.faults:
        return visit.catalogue.products
    return visit.catalogue.search(_term(visit))


def _page_of(visit: Visit, products: Sequence[Product]) -> ProductPage:
    query = visit.request.query
    return page_of(products, query.get("sort", ""), whole_number(query.get("page")) or 1)
