"""What is round every page: header with search and navigation, messages, footer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.apps.shop.catalogue import Category
from tests.apps.shop.elements import Child, Html, element, join
from tests.apps.shop.forms import Drawing, Field, newsletter_fields, select_options
from tests.apps.shop.looks import Look
from tests.apps.shop.store import Flash, Session


@dataclass(frozen=True)
class Shell:
    """One visitor's view of the shop while one page is made."""

    look: Look
    categories: Sequence[Category]
    session: Session
    path: str
    """The path and query that the visitor asked for."""
    search_term: str = ""
    flash: Flash | None = None

    def page(self, title: str, *content: Child) -> Html:
        words = self.look.words
        head = element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", f"{title} | {words.shop_name}" if title else words.shop_name),
            element("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
            element("link", rel="stylesheet", href="/static/shop.css"),
            element("script", src="/static/shop.js", defer=True),
        )
        body = element(
            "body",
            element("a", words.skip, href="#main", class_="skip"),
            self._header(),
            element("div", role="status", class_="toast", id="toast"),
            element("main", self._message(), *content, id="main"),
            self._footer(),
            class_=self.look.theme,
        )
        return join(Html("<!DOCTYPE html>"), element("html", head, body, lang="en"))

    def post(self, action: str, *children: Child, class_: str | None = None, **data: str) -> Html:
        """A form that is posted, with the visitor's token; `data` becomes hidden fields."""
        hidden = {"csrf_token": self.session.csrf, **data}
        inputs = [element("input", type="hidden", name=name, value=value) for name, value in hidden.items()]
        return element("form", inputs, *children, method="post", action=action, class_=class_)

    def form(
        self,
        action: str,
        name: str,
        fields: Sequence[Field],
        button: str,
        values: Mapping[str, str],
        errors: Mapping[str, str],
        **data: str,
    ) -> Html:
        """A form of labelled fields, with a summary on top when something is wrong."""
        summary = element("p", errors.get("", self.look.words.problems), role="alert") if errors else None
        drawing = Drawing(self.look, name, values, errors)
        return self.post(
            action, summary, drawing.fields(fields), element("button", button, type="submit"), class_="form", **data
        )

    def add_to_cart(self, product_id: int, quantity: Child = None) -> Html:
        """The form that adds a product; the script sends it without leaving the page."""
        words = self.look.words
        return element(
            "div",
            self.post(
                self.look.routes.cart_add,
                quantity,
                element("button", words.add, type="submit"),
                class_="add",
                product=str(product_id),
            ),
            data_failed=words.add_failed,
        )

    def _header(self) -> Html:
        words = self.look.words
        return element(
            "header",
            element("a", words.shop_name, href="/", class_="brand"),
            self._search(),
            element("nav", element("ul", self._account_links()), aria_label=words.account_navigation),
            element(
                "nav",
                element(
                    "ul", [_item(category.name, self.look.category_path(category)) for category in self.categories]
                ),
                aria_label=words.category_navigation,
                class_="categories",
            ),
        )

    def _search(self) -> Html:
        words, routes = self.look.words, self.look.routes
        visible = self.look.markup.search_label == "visible"
        return element(
            "form",
            element("label", words.search, for_="search") if visible else None,
            element(
                "input",
                type="search",
                name="q",
                id="search",
                value=self.search_term or None,
                placeholder=None if visible else words.search,
                autocomplete="off",
                data_suggest=routes.suggest,
            ),
            element("button", words.search_button, type="submit"),
            element("ul", id="suggestions", aria_label=words.suggestions, hidden=True),
            role="search",
            action=routes.search,
        )

    def _account_links(self) -> list[Html]:
        words, routes = self.look.words, self.look.routes
        if self.session.email:
            links = [
                _item(words.account, routes.account),
                _item(words.orders, routes.orders),
                element("li", self.post(routes.sign_out, element("button", words.sign_out, class_="link"))),
            ]
        else:
            links = [_item(words.sign_in, routes.sign_in), _item(words.register, routes.register)]
        return [*links, element("li", self._cart_link())]

    def _cart_link(self) -> Html:
        words, routes = self.look.words, self.look.routes
        count = element("span", str(sum(self.session.cart.values())), id="cart-count")
        if self.look.markup.cart_count == "inside":
            return element("a", words.cart, " (", count, ")", href=routes.cart)
        return join(element("a", words.cart, href=routes.cart), " ", count)

    def _message(self) -> Html | None:
        return element("p", self.flash.text, role=self.flash.role, class_="flash") if self.flash else None

    def _footer(self) -> Html:
        words, routes, languages = self.look.words, self.look.routes, self.look.languages
        newsletter = Drawing(self.look, "newsletter", {}, {})
        options = select_options([(name, name) for name in languages], self.session.language)
        return element(
            "footer",
            self.post(
                routes.newsletter,
                newsletter.fields(newsletter_fields(words)),
                element("button", words.newsletter_button, type="submit"),
                next=self.path,
            ),
            self.post(
                routes.language,
                element("label", words.language, for_="language"),
                element("select", options, name="language", id="language"),
                element("button", words.language_button, type="submit"),
                next=self.path,
            ),
            element(
                "ul",
                _item(words.home, "/"),
                _item(words.about, routes.about),
                _item(words.contact, routes.contact),
            ),
            element("p", f"© {words.shop_name}"),
        )


def _item(text: str, href: str) -> Html:
    return element("li", element("a", text, href=href))
