"""Where the checkout says no: to strangers, to an empty cart, to a form with a mistake."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.buying import Buyer, buying, finish
from agent_runtime_server.adapters.explorer.checkout_walk import Passage, Walk, checkout_form, fill_cart
from agent_runtime_server.adapters.explorer.fields import called, wrong_value
from agent_runtime_server.adapters.explorer.forms import Entry
from agent_runtime_server.adapters.explorer.hand import LostError
from agent_runtime_server.adapters.explorer.language import Action, Click, Fill, Goto, IsVisible, SetChecked
from agent_runtime_server.adapters.explorer.messages import expect_message
from agent_runtime_server.adapters.explorer.mining import Kit, slug
from agent_runtime_server.adapters.explorer.refusals import expect_refusal
from agent_runtime_server.adapters.explorer.shopping import Product
from agent_runtime_server.adapters.explorer.vocabulary import speaks_of

MOST_REFUSALS = 4


async def needs_sign_in(kit: Kit, product: Product) -> bool:
    """Where a stranger who wants to buy is asked to sign in."""
    async with kit.attempt("buying without signing in") as hand:
        await fill_cart(hand, kit, product)
        link = next(
            (
                each
                for each in hand.view.controls
                if each.inside(hand.view.main) and not each.in_chrome and speaks_of("checkout", each.name)
            ),
            None,
        )
        if link is None:
            raise LostError("the cart offers no way to pay")
        await hand.step(f"Click “{link.name}” without having signed in", Click(await hand.find(link)))
        fields = [
            field
            for form in hand.view.forms
            if form.element.inside(hand.view.main)
            for field in form.of_kind("password")
            if not field.disabled
        ]
        if not fields:
            raise LostError("strangers may buy")
        await hand.expect("the form to sign in is shown first", IsVisible(await hand.find(fields[0])))
        flow = hand.flow(
            "checkout-needs-sign-in", "Checkout", "Asks strangers to sign in", "@checkout", "@auth", "@negative"
        )
        kit.keep(flow, "checkout", "sign_in")
        return True
    return False


async def needs_something(kit: Kit, buyer: Buyer, walk: Walk) -> None:
    """Whoever wants to pay for an empty cart is told so, or sent elsewhere."""
    async with buying(kit, buyer, "paying for nothing") as hand:
        await hand.visit(kit.site.home)
        effect = await hand.step(f"Open {walk.start} with nothing in the cart", Goto(walk.start))
        if hand.view.path == walk.start and checkout_form(hand.view) is not None:
            raise LostError("the checkout can be begun with nothing in the cart")
        await expect_message(hand, effect, "a message says why")
        await hand.expect_heading(effect, "the page is")
        title = "Needs something in the cart"
        finish(kit, hand, buyer, "checkout-needs-something", title, "@negative", concepts=("checkout", "cart"))


async def refuse_mistakes(kit: Kit, product: Product, buyer: Buyer, walk: Walk) -> None:
    """One mistake of each kind, wherever something is filled in on the way."""
    known = set[str]()
    passages = (*walk.passages, *([walk.ahead] if walk.ahead else []))
    for number, passage in enumerate(passages):
        for entry in passage.entries:
            mistake = _mistake(entry)
            if mistake is None or mistake[0] in known or len(known) == MOST_REFUSALS:
                continue
            kind, title, action = mistake
            if await _refusal(kit, product, buyer, passages[: number + 1], entry, title, action):
                known.add(kind)


def _mistake(entry: Entry) -> tuple[str, str, Action] | None:
    """A way to make the field wrong: its kind, the title of the flow, and the action."""
    field, target = entry.field, entry.target
    if wrong := wrong_value(field):
        return entry.kind, f"Refuses “{wrong}” as “{called(field)}”", Fill(target, wrong)
    if field.required and isinstance(entry.action, Fill):
        return "blank", f"Refuses an order without “{called(field)}”", Fill(target, "")
    if field.required and field.kind == "checkbox":
        return "consent", f"Refuses an order without “{called(field)}”", SetChecked(target, checked=False)
    return None


def _done(mistake: Action, field: str) -> str:
    if not isinstance(mistake, Fill):
        return f"Clear “{field}”"
    return f"Change “{field}” to “{mistake.value}”" if mistake.value else f"Empty “{field}”"


async def _refusal(
    kit: Kit,
    product: Product,
    buyer: Buyer,
    passages: tuple[Passage, ...],
    entry: Entry,
    title: str,
    mistake: Action,
) -> bool:
    *way, last = passages
    async with buying(kit, buyer, title) as hand:
        await fill_cart(hand, kit, product)
        for earlier in way:
            await hand.step(earlier.title, *earlier.actions)
        await hand.step("Fill in the form", *(each.action for each in last.entries))
        effect = await hand.step(f"{_done(mistake, called(entry.field))} and click “{last.sends}”", mistake, last.send)
        await expect_refusal(hand, effect, entry.target, called(entry.field))
        identity = f"checkout-{slug(title)}"
        finish(kit, hand, buyer, identity, title, "@form", "@negative", concepts=("checkout", "form"))
        return True
    return False
