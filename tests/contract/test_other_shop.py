"""What the explorer makes of a shop that it was not built on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
import pytest
import pytest_asyncio

from agent_runtime_server.adapters.explorer import mine_forms, plan_job
from agent_runtime_server.adapters.explorer.browser import open_browser
from agent_runtime_server.adapters.explorer.flow import Flow, Model, Skipped
from agent_runtime_server.adapters.explorer.instructions import read_instructions
from agent_runtime_server.adapters.explorer.language import Goto, IsVisible
from agent_runtime_server.adapters.explorer.mine_auth import learn_sign_in
from agent_runtime_server.adapters.explorer.mine_checkout import mine_checkout
from agent_runtime_server.adapters.explorer.mine_filters import mine_filters
from agent_runtime_server.adapters.explorer.mine_own_data import mine_own_data
from agent_runtime_server.adapters.explorer.mine_password import mine_password
from agent_runtime_server.adapters.explorer.mine_sign_out import mine_sign_out
from agent_runtime_server.adapters.explorer.mining import Kit, Mined
from agent_runtime_server.adapters.explorer.place import Place
from agent_runtime_server.adapters.explorer.protocol import Done, Job, Line, Log
from agent_runtime_server.adapters.explorer.site import Site
from tests.contract.other_shop import PASSWORD, USERNAME, OtherShop, other_shop

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200)]
ASKED = "Only the catalogue, search, the basket, wish lists and the checkout"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def learnt(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Flow], list[str]]:
    """The flows by id, and the log."""
    workspace: Path = tmp_path_factory.mktemp("workspace")
    lines: list[Line] = []
    with other_shop() as shop:
        job = Job(
            kind="plan",
            app_url=shop.url,
            workspace=str(workspace),
            username=USERNAME,
            password=PASSWORD,
            instructions=ASKED,
            max_seconds=900.0,
        )
        await plan_job.run(job, lines.append)
    log = [line.message for line in lines if isinstance(line, Log)]
    assert isinstance(lines[-1], Done), log
    model = msgspec.json.decode((workspace / "specs/model.json").read_bytes(), type=Model)
    return {flow.id: flow for flow in model.flows}, log


def texts(flow: Flow) -> list[str]:
    return [expectation.text for step in flow.steps for expectation in step.expectations]


@pytest.mark.parametrize(
    ("flow", "text"),
    [
        ("search-hit", "as many results are told of as are listed"),
        ("search-another", "is found now"),
        ("search-miss", "is not among the results"),
        ("add-to-cart", "a message says that it was added: “Dune is in your basket now"),
        ("add-to-cart", "the cart has a line for “Dune”"),
        ("add-to-cart", "its headings, links and fields are there"),
        ("cart-quantity", "the total is 3 times the price"),
        ("cart-total", "the total is the first price and twice the second"),
        ("remove-from-cart", "the line of “Dune” is gone"),
        ("remove-from-cart", "” is still there"),
        ("empty-cart", "the cart says that it is empty"),
        ("voucher-refused", "the voucher is refused: “There is no voucher"),
        ("sorts-by-rising-price", "the prices are rising from the first to the last"),
        ("sorts-by-falling-price", "the prices are falling from the first to the last"),
        ("sold-out", "it cannot be put into the cart"),
        ("sold-out", "the page says “Unavailable”"),
        ("wish", "“Dune” is on the list"),
        ("wish-no-more", "it is shown no longer"),
        ("place-order", "the order is confirmed by the heading “Thank you”"),
        ("place-order", "its headings, links and fields are there"),
        ("order-in-history", "there is one order more"),
        ("checkout-needs-something", "a message says why: “You need something in your basket first"),
        ("checkout-refuses-not-an-address-as-e-mail", "“E-mail” is marked as wrong"),
        ("checkout-refuses-an-order-without-street", "“Street” is marked as wrong"),
    ],
)
async def test_a_flow_has_an_expectation(learnt: tuple[dict[str, Flow], list[str]], flow: str, text: str) -> None:
    flows, log = learnt
    assert flow in flows, log
    assert any(text in each for each in texts(flows[flow])), texts(flows[flow])


@asynccontextmanager
async def kit_for(shop: OtherShop, instructions: str, learnt: list[Mined]) -> AsyncIterator[Kit]:
    """The means of a miner, which knows the start page and the page to sign in, signed out."""
    shop.errors = 0
    async with open_browser() as browser:
        kit = Kit(
            browser=browser,
            site=Site.at(shop.url),
            wish=read_instructions(instructions),
            emit=lambda _: None,
            username=USERNAME,
            password=PASSWORD,
            until=time.monotonic() + 900,
            may_change_data=False,
            deliver=learnt.append,
            account=asyncio.Lock(),
        )
        async with kit.hand() as hand:
            kit.site.add(await hand.visit("/"), signed_in=False)
            door = kit.site.add(await hand.visit("/sign-in"), signed_in=False)
        kit.site.sign_in = await learn_sign_in(kit, door)
        async with kit.hand(state=kit.site.sign_in.state) as hand:
            kit.site.add(await hand.visit("/account"), signed_in=True)
            kit.site.add(await hand.visit("/orders"), signed_in=True)
        yield kit


async def test_nothing_is_bought_unless_it_is_asked_for() -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "", learnt) as kit:
            await mine_checkout(kit)
        assert not any(visitor.orders for visitor in shop.visitors.values())
    flows = {mined.flow.id: mined.flow for mined in learnt}
    assert "place-order" not in flows
    assert "the order's total is that of the cart" in texts(flows["checkout-up-to-the-order"])


async def test_where_nobody_is_to_be_registered_the_given_user_buys() -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "The checkout. Do not register anybody.", learnt) as kit:
            await mine_checkout(kit)
        assert list(shop.users) == [USERNAME]
    [history] = [mined for mined in learnt if mined.flow.id == "order-in-history"]
    assert (history.flow.session, history.changes_account) == ("fresh", True)
    assert texts(history.flow)[-1] == "there is one order more"


@pytest.mark.parametrize(("instructions", "path"), [("", "/account"), ("Do not test the account.", "/orders")])
async def test_who_has_signed_out_is_kept_out_of_a_page_that_may_be_opened(instructions: str, path: str) -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, instructions, learnt) as kit:
            assert kit.site.sign_in is not None
            await mine_sign_out(kit, kit.site.sign_in)
    [one] = learnt
    last = one.flow.steps[-1]
    assert last.actions == (Goto(path),)
    assert [each.text for each in last.expectations] == ["the form to sign in is shown instead"]


async def test_only_the_password_of_an_own_account_is_changed() -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "", learnt) as kit:
            for what in ("Change password (/new-password)", "something else"):
                kit.site.skipped.append(Skipped(what, "it may change or destroy data"))
            await mine_password(kit)
        assert shop.users[USERNAME] == PASSWORD
        assert sum(word.startswith("Other-") for word in shop.users.values()) == 1
        assert [each.what for each in kit.site.skipped] == ["something else"]
    [mined] = learnt
    assert (mined.flow.id, mined.flow.session) == ("own-password", "anonymous")
    titles = [step.title for step in mined.flow.steps[-2:]]
    assert titles == ["Try to sign in with the old password", "Sign in with the new password"]
    refused = [type(each.check) for each in mined.flow.steps[-2].expectations]
    assert refused == [IsVisible, IsVisible], "what the app says, and its form"
    assert any("Your password is another one now" in each for each in texts(mined.flow))


@pytest.mark.parametrize(("refusal", "kept"), [("page", ["own-password"]), ("none", [])])
async def test_that_the_old_password_is_refused_has_to_be_seen(
    refusal: Literal["page", "none"], kept: list[str]
) -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "", learnt) as kit:
            shop.refusal = refusal
            await mine_password(kit)
    assert [each.flow.id for each in learnt] == kept


@pytest.mark.parametrize("instructions", ["Never change the password", "The account. Do not register anybody."])
async def test_no_password_is_changed_against_the_instructions(instructions: str) -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, instructions, learnt) as kit:
            await mine_password(kit)
        assert shop.users[USERNAME] == PASSWORD
        assert not any(word.startswith("Other-") for word in shop.users.values())
    assert learnt == []


async def test_only_the_data_of_an_own_account_are_changed() -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "", learnt) as kit:
            async with kit.hand(signed_in=True) as hand:
                kit.site.add(await hand.visit("/card"), signed_in=True)
                kit.site.add(await hand.visit("/details"), signed_in=True, label="Account details")
            await mine_own_data(kit)
            assert kit.own_things == {"/details"}
        assert shop.users[USERNAME] == PASSWORD
        assert shop.names.pop(USERNAME) == "Ada"
        [name] = shop.names.values()
        assert name.startswith("Alex ")
    [mined] = learnt
    assert (mined.flow.id, mined.flow.session) == ("own-data-your-details", "anonymous")
    assert any("We know now who you are" in each for each in texts(mined.flow))
    assert texts(mined.flow)[-1] == "“Your name” is what was typed"


@pytest.mark.parametrize("instructions", ["Never change the account", "The account. Do not register anybody."])
async def test_no_data_are_changed_against_the_instructions(instructions: str) -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, instructions, learnt) as kit:
            async with kit.hand(signed_in=True) as hand:
                kit.site.add(await hand.visit("/details"), signed_in=True)
            await mine_own_data(kit)
        assert shop.names == {USERNAME: "Ada"}
    assert learnt == []


async def test_a_list_of_the_given_user_is_filtered_and_a_filter_that_is_kept_is_not_changed() -> None:
    learnt: list[Mined] = []
    with other_shop() as shop:
        async with kit_for(shop, "", learnt) as kit:
            async with kit.hand(signed_in=True) as hand:
                kit.site.add(await hand.visit("/spam"), signed_in=True)
            await mine_filters(kit)
        assert not shop.filtered
    [mined] = learnt
    assert (mined.flow.id, mined.flow.session) == ("filter-filters", "fresh")


async def test_who_only_reads_goes_on_in_the_session_that_is_there() -> None:
    with other_shop() as shop:
        async with kit_for(shop, "", []) as kit:
            known = len(shop.visitors)
            async with kit.hand(signed_in=True, only_reads=True) as hand:
                await hand.visit("/account")
                assert hand.view.heading
                assert hand.view.heading.name == "Your account"
            assert len(shop.visitors) == known
            async with kit.hand(signed_in=True) as hand:
                await hand.visit("/account")
            assert len(shop.visitors) == known + 1


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths of the forms that would be sent."""
    sent: list[str] = []

    async def record(_: Kit, place: Place) -> bool:
        sent.append(place.visit.path)
        return True

    async def nothing(*_: object) -> None:
        pass

    monkeypatch.setattr(mine_forms, "mine_record", record)
    monkeypatch.setattr(mine_forms, "mistakes", nothing)
    return sent


async def test_what_is_made_in_own_accounts_is_not_made_as_the_given_user(sent: list[str]) -> None:
    with other_shop() as shop:
        async with kit_for(shop, "", []) as kit:
            async with kit.hand(signed_in=True) as hand:
                kit.site.add(await hand.visit("/card"), signed_in=True)
            await mine_forms.mine_forms(kit)
            assert sent == ["/card"]
            kit.own_things.add("/card")
            await mine_forms.mine_forms(kit)
    assert sent == ["/card"]


async def test_a_form_is_sent_where_the_page_is_about_it_and_all_that_it_wants_is_shown(sent: list[str]) -> None:
    with other_shop() as shop:
        async with kit_for(shop, "", []) as kit:
            async with kit.hand() as hand:
                for path in ("/praise", "/opinion"):
                    kit.site.add(await hand.visit(path), signed_in=False)
            await mine_forms.mine_forms(kit)
            assert sent == ["/praise"]
            [left] = kit.site.skipped
    assert left == Skipped("the form “Say” on /opinion", "“stars” must be filled in, and no field for it is shown")
