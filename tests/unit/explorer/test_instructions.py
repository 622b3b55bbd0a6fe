"""Instructions say what comes first, what alone, and what not at all."""

import pytest

from agent_runtime_server.adapters.explorer.instructions import read_instructions, stems_of


def test_asked_flows_come_first_and_the_rest_stays_allowed() -> None:
    wish = read_instructions("Focus on login and checkout flows")
    assert wish.asked == {"sign_in", "checkout"}
    assert wish.rank(frozenset({"checkout"})) < wish.rank(frozenset({"search"}))
    assert wish.allows(frozenset({"search"}))
    assert not wish.only


def test_only_leaves_out_what_was_not_asked() -> None:
    wish = read_instructions("Test only the search.")
    assert wish.allows(frozenset({"search"}))
    assert not wish.allows(frozenset({"cart"}))


@pytest.mark.parametrize(
    "text",
    [
        "Test the cart, but not the checkout",
        "Test the cart without checkout",
        "Cover the basket. Do not test checkout.",
        "Cover the basket except buying",
    ],
)
def test_a_negation_refuses_what_follows_it_and_nothing_else(text: str) -> None:
    wish = read_instructions(text)
    assert "cart" in wish.asked
    assert "checkout" in wish.refused
    assert not wish.allows(frozenset({"checkout"}))
    assert wish.allows(frozenset({"cart"}))


def test_words_that_are_no_concept_are_looked_for_in_names() -> None:
    wish = read_instructions("Look at the gift vouchers, avoid newsletters")
    assert wish.weight("/vouchers") == 1
    assert wish.refuses("Newsletter")


def test_in_order_to_does_not_ask_for_an_order() -> None:
    assert "checkout" not in read_instructions("Search for mugs in order to see how it goes").asked


def test_endings_do_not_matter() -> None:
    assert stems_of("Vouchers") == stems_of("voucher")


def test_words_alone_may_concern_what_any_form_or_page_is_about() -> None:
    wish = read_instructions("Only the vouchers, and no checkout")
    assert wish.concerns(frozenset({"form"}))
    assert not wish.concerns(frozenset({"checkout"}))
    assert not wish.concerns(frozenset({"register"}))
    assert not wish.allows(frozenset({"form"}), "Newsletter")
    assert wish.allows(frozenset({"form"}), "Add a voucher")
    assert not read_instructions("Only the search").concerns(frozenset({"form"}))


def test_nothing_else_means_only() -> None:
    wish = read_instructions("Test that items outlive a reload, and nothing else.")
    assert wish.allows(frozenset({"create"}), "Entries outlive a reload")
    assert not wish.allows(frozenset({"create"}), "Makes an entry")
    assert read_instructions("Only the search").concerns(frozenset({"navigation"})), "it may have a page"
    assert not read_instructions("Only the search, no smoke").concerns(frozenset({"navigation"}))
