"""A tiny shop, and a model of it that uses every word of the flow language."""

from __future__ import annotations

from collections.abc import Mapping

from agent_runtime_server.adapters.explorer.flow import (
    Expectation,
    Flow,
    Model,
    Seen,
    SignInRecipe,
    Skipped,
    Step,
)
from agent_runtime_server.adapters.explorer.language import (
    Choose,
    Click,
    CountOf,
    EachHasText,
    Equals,
    Fill,
    Goto,
    HasText,
    HasValue,
    Hover,
    InOrder,
    IsChecked,
    IsDisabled,
    IsHidden,
    IsInvalid,
    IsVisible,
    Literally,
    Locator,
    Minus,
    NumberIn,
    Plus,
    Press,
    Recall,
    Reload,
    Remember,
    RememberText,
    SetChecked,
    SumOf,
    Times,
    UrlIs,
)
from tests.unit.explorer.site import Page

HOME = """<h1>Mugs &amp; "more"</h1>
<ul aria-label=Products><li><a href="/product/1">Blue mug</a> £1,200.50</li><li>Red mug £9</li></ul>
<form action=/search><label>Search <input name=q></label></form>"""

PRODUCT = """<h1>Blue mug</h1><p data-testid=price>£1,200.50</p>
<form onsubmit="event.preventDefault(); add()">
<label>Name <input name=name id=name></label><label>Mail <input type=email required></label>
<label for=size>Size</label><select id=size><option>Small<option>Large</select>
<label><input type=checkbox id=gift> Gift</label><button>Add to cart</button><button type=button disabled>Buy</button>
</form><p role=status></p>
<table style="border-spacing: 0"><tr><th>Name<th>Price<th>Quantity</tr></table><p>Total: <output>£0</output></p>
<script>
  const add = () => setTimeout(() => {
    document.querySelector("table").insertAdjacentHTML("beforeend",
      `<tr><td>${document.querySelector("#name").value}</td><td class=p>£1,200.50</td><td>1</td></tr>`);
    const count = document.querySelectorAll(".p").length;
    document.querySelector("output").textContent = "£" + (count * 1200.5).toLocaleString("en");
    document.querySelector("[role=status]").textContent = `It's "added" \\\\ \\`${count}\\``;
  }, 100);
</script>"""

SIGN_IN_PAGE = """<h1>Sign in</h1><form method=post action=/account><label>User <input name=user></label>
<label>Secret <input type=password name=secret></label><button>Go in</button></form>"""


def search(query: Mapping[str, str]) -> str:
    found = [name for name in ("Blue mug", "Red mug", "Plate") if query.get("q", "").lower() in name.lower()]
    return "<h1>Results</h1><ul>" + "".join(f"<li>{name}</li>" for name in found) + "</ul>"


def account(form: Mapping[str, str]) -> str:
    return "<h1>Hello joe</h1>" if form.get("secret") == "pa'ss" else "<h1>No</h1>"


PAGES: Mapping[str, Page] = {
    "/": HOME,
    "/product/1": PRODUCT,
    "/search": search,
    "/sign-in": SIGN_IN_PAGE,
    "/account": account,
}


def role(value: str, name: str | None = None, **more: object) -> Locator:
    return Locator(by="role", value=value, name=name, **more)  # type: ignore[arg-type]


def label(value: str) -> Locator:
    return Locator(by="label", value=value)


def by_test_id(value: str) -> Locator:
    return Locator(by="test_id", value=value)


ROW = role("row", has_text="${uid}")
PRICES = role("cell", "£1,200.50", within=role("table"))
TOTAL = role("status", within=Locator(by="role", value="paragraph", has_text="Total"))
ADD = role("button", "Add to cart")

CART = Flow(
    id="add-to-cart",
    suite="Cart & more",
    title="a product's line and total",
    tags=("@cart",),
    session="fresh",
    steps=(
        Step(
            "Open the product",
            (
                Goto("/"),
                Click(role("link", "Blue mug", within=role("list", "Products"))),
                Remember("price", NumberIn(by_test_id("price"))),
                RememberText("productName", role("heading", level=1)),
            ),
            (
                Expectation(UrlIs("/product/*"), "the URL is that of a product"),
                Expectation(IsDisabled(role("button", "Buy")), "“Buy” cannot be used"),
            ),
        ),
        Step(
            "Add it ${twice}",
            (
                Remember("rows", CountOf(role("row"))),
                Fill(label("Name"), "me ${uid}"),
                Fill(label("Mail"), "tg+${uid}@example.com"),
                Choose(label("Size"), "Large"),
                SetChecked(label("Gift")),
                Click(ADD),
            ),
            (
                Expectation(IsVisible(ROW), "the line is shown"),
                Expectation(Equals(CountOf(role("row")), Plus(Recall("rows"), Literally(1))), "one more line"),
                Expectation(Equals(Minus(CountOf(role("row")), Literally(1)), Recall("rows")), "one less before"),
                Expectation(
                    HasText(role("status", has_text="added"), 'It\'s "added" \\ `1`', exact=True), "it says so"
                ),
                Expectation(Equals(Recall("price"), NumberIn(TOTAL)), "the total is the price"),
                Expectation(IsChecked(label("Gift")), "“Gift” is ticked"),
                Expectation(HasValue(label("Name"), "me ${uid}"), "the name stays"),
            ),
        ),
        Step(
            "Add it again",
            (Hover(ROW), Click(ADD)),
            (
                Expectation(Equals(NumberIn(TOTAL), SumOf(PRICES)), "the total is the sum of the lines"),
                Expectation(
                    Equals(NumberIn(TOTAL), Times(NumberIn(by_test_id("price")), Literally(2))),
                    "the total is twice the price",
                ),
                Expectation(Equals(SumOf(PRICES), Times(Recall("price"), Literally(2))), "so is the sum"),
            ),
        ),
        Step(
            "Load the page again",
            (Reload(),),
            (
                Expectation(IsHidden(ROW), "the line is gone"),
                Expectation(HasText(role("heading", level=1), "${productName}"), "it is the same product"),
                Expectation(IsChecked(label("Gift"), checked=False), "“Gift” is not ticked"),
            ),
        ),
    ),
)
SEARCH = Flow(
    id="search-hit",
    suite="Search",
    title="finds mugs",
    tags=("@smoke",),
    steps=(
        Step("Open the mugs", (Goto("/"),), (Expectation(InOrder(role("listitem"), descending=True), "dear first"),)),
        Step(
            "Search for “mug”",
            (Goto("/"), Fill(label("Search"), "mug"), Press(label("Search"), "Enter")),
            (
                Expectation(UrlIs("/search?q=mug"), "the URL has the term"),
                Expectation(EachHasText(role("listitem"), "MUG"), "each result has the term"),
            ),
        ),
    ),
)

REFUSED = Flow(
    id="mail-refused",
    suite="Cart & more",
    title="refuses a wrong mail",
    tags=("@form", "@negative"),
    session="stored",
    steps=(
        Step(
            "Send the form",
            (Goto("/product/1"), Fill(label("Mail"), "no mail"), Click(ADD)),
            (
                Expectation(IsInvalid(label("Mail")), "the field is refused"),
                Expectation(IsHidden(role("cell", "£1,200.50")), "no line is added"),
            ),
        ),
    ),
)

RECIPE = SignInRecipe(
    (
        Goto("/sign-in"),
        Fill(label("User"), "${username}"),
        Fill(label("Secret"), "${password}"),
        Click(role("button", "Go in")),
    ),
    Expectation(IsVisible(role("heading", "Hello joe")), "greets the user"),
)

MODEL = Model(
    app_url="http://127.0.0.1:1234",
    title="Mugs",
    overview="A shop for mugs.",
    flows=(CART, REFUSED, SEARCH),
    sign_in=RECIPE,
    findings=(Seen("broken_link", "medium", "/gone", "A link leads nowhere", ("Open /", "Click it")),),
    skipped=(Skipped("Delete account", "it destroys data"),),
    pages=("/", "/product/:id"),
)
