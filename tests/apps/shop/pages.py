"""The pages for looking round: catalogue, category, search, product, and the texts."""

from collections.abc import Mapping
from urllib.parse import urlencode

from tests.apps.shop.catalogue import Category, Product, ProductPage
from tests.apps.shop.elements import Child, Html, element, join
from tests.apps.shop.forms import contact_fields, select_options
from tests.apps.shop.layout import Shell
from tests.apps.shop.store import MOST_OF_ONE_PRODUCT


def home(shell: Shell, found: ProductPage) -> Html:
    words = shell.look.words
    return shell.page("", element("h1", words.catalogue_heading), _listing(shell, "/", found))


def category(shell: Shell, chosen: Category, found: ProductPage) -> Html:
    listing = _listing(shell, shell.look.category_path(chosen), found)
    return shell.page(chosen.name, element("h1", chosen.name), listing)


def search(shell: Shell, found: ProductPage) -> Html:
    words, term = shell.look.words, shell.search_term
    if not term:
        result: Child = element("p", words.search_prompt)
    elif not found.total:
        result = element("p", words.not_found.format(term=term))
    else:
        result = [
            element("p", words.found.format(term=term, count=found.total)),
            _listing(shell, shell.look.routes.search, found, q=term),
        ]
    return shell.page(words.search_heading, element("h1", words.search_heading), result)


def product(shell: Shell, chosen: Product) -> Html:
    look, words = shell.look, shell.look.words
    number = element(
        "input", type="number", name="quantity", id="quantity", value=1, min=1, max=MOST_OF_ONE_PRODUCT, required=True
    )
    label = element("label", words.quantity, for_="quantity")
    return shell.page(
        chosen.name,
        element(
            "div",
            element("img", src=_picture(chosen), alt=chosen.name, width=320, height=320),
            element(
                "div",
                element("p", element("a", chosen.category.name, href=look.category_path(chosen.category))),
                element("h1", chosen.name),
                element("p", look.money.text(chosen.price), class_="price"),
                shell.add_to_cart(chosen.id, [label, number]),
                element("h2", words.description),
                element("p", chosen.description),
            ),
            class_="product",
        ),
    )


def about(shell: Shell) -> Html:
    words = shell.look.words
    return shell.page(words.about, element("h1", words.about), element("p", words.about_text))


def contact(shell: Shell, values: Mapping[str, str], errors: Mapping[str, str]) -> Html:
    words = shell.look.words
    form = shell.form(shell.look.routes.contact, "contact", contact_fields(words), words.contact_button, values, errors)
    return shell.page(words.contact, element("h1", words.contact_heading), form)


def notice(shell: Shell, heading: str, text: str) -> Html:
    """A page that only says something, such as an error."""
    back = element("a", shell.look.words.continue_shopping, href="/")
    return shell.page(heading, element("h1", heading), element("p", text), element("p", back))


def _listing(shell: Shell, path: str, found: ProductPage, **query: str) -> Html:
    """The sorted products with the controls for sorting and turning pages; `query` is kept when these are used."""
    return join(_sorting(shell, path, found, query), _cards(shell, found), _pagination(shell, path, found, query))


def _sorting(shell: Shell, path: str, found: ProductPage, query: Mapping[str, str]) -> Html:
    words = shell.look.words
    options = [
        ("featured", words.sort_featured),
        ("cheapest", words.sort_cheapest),
        ("dearest", words.sort_dearest),
        ("name", words.sort_name),
    ]
    return element(
        "form",
        [element("input", type="hidden", name=name, value=value) for name, value in query.items()],
        element("label", words.sort, for_="sort"),
        element("select", select_options(options, found.sort), name="sort", id="sort"),
        element("button", words.sort_button, type="submit"),
        action=path,
        class_="sorting",
    )


def _cards(shell: Shell, found: ProductPage) -> Html:
    words, money = shell.look.words, shell.look.money
    parts = [
        (
            element("img", src=_picture(product), alt="", width=160, height=160),
            element("a", product.name, href=shell.look.product_path(product)),
            element("span", money.text(product.price), class_="price"),
            shell.add_to_cart(product.id),
        )
        for product in found.products
    ]
    match shell.look.markup.cards:
        case "list":
            cards = [element("li", picture, element("h2", link), price, add) for picture, link, price, add in parts]
            return element("ul", cards, class_="cards")
        case "article":
            cards = [
                element("article", picture, element("h3", link), price, add) for picture, link, price, add in parts
            ]
            return element("div", cards, class_="cards")
        case "table":
            titles = [element("th", title, scope="col") for title in (words.product, words.price)]
            rows = [
                element("tr", element("th", picture, link, scope="row"), element("td", price), element("td", add))
                for picture, link, price, add in parts
            ]
            head = element("thead", element("tr", titles, element("td")))
            return element("table", head, element("tbody", rows), class_="cards")


def _pagination(shell: Shell, path: str, found: ProductPage, query: Mapping[str, str]) -> Html | None:
    if found.count == 1:
        return None
    words = shell.look.words

    def link(number: int, text: str) -> Html:
        address = f"{path}?{urlencode({**query, 'sort': found.sort, 'page': number})}"
        return element(
            "li", element("a", text, href=address, aria_current="page" if text == str(found.number) else None)
        )

    links = [link(number, str(number)) for number in range(1, found.count + 1)]
    before = link(found.number - 1, words.previous) if found.number > 1 else None
    after = link(found.number + 1, words.next) if found.number < found.count else None
    return element("nav", element("ul", before, links, after), aria_label=words.page_navigation, class_="pages")


def _picture(product: Product) -> str:
    return f"/static/product-{product.id}.svg"
