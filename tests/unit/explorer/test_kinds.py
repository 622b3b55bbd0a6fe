"""When enough pages of a kind were seen."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.kinds import MOST_PAGES_OF_A_FOLDER, PAGES_OF_A_FOLDER, Kinds


def kinds(*paths: str, alike: bool = True) -> Kinds:
    found = Kinds()
    for number, path in enumerate(paths):
        found.count(path, "same" if alike else str(number))
    return found


def test_a_few_pages_of_one_pattern_or_look_are_enough() -> None:
    assert kinds("/item/1", "/item/2", "/item/3", alike=False).are_enough("/item/4")
    assert kinds("/make/ford", "/make/fiat", "/make/audi").are_enough("/make/saab")
    assert not kinds("/about", "/terms", "/news").are_enough("/help")


def test_pages_side_by_side_that_look_differently_wait_and_have_an_end() -> None:
    articles = [f"/wiki/{chr(97 + number)}x" for number in range(MOST_PAGES_OF_A_FOLDER)]
    few = kinds(*articles[:PAGES_OF_A_FOLDER], alike=False)
    assert few.may_wait("/wiki/other")
    assert not few.may_wait("/shop/other")
    assert not few.are_enough("/wiki/other")
    assert kinds(*articles, alike=False).are_enough("/wiki/other")


def test_pages_right_below_the_start_page_are_in_no_folder() -> None:
    found = Kinds("/app/")
    for number in range(MOST_PAGES_OF_A_FOLDER):
        found.count(f"/app/{chr(97 + number)}x", str(number))
        found.count(f"/app/wiki/{chr(97 + number)}x", str(number))
    assert not found.may_wait("/app/billing")
    assert not found.are_enough("/app/billing")
    assert found.are_enough("/app/wiki/other")


def test_what_a_query_shows_of_each_page_is_seen_twice() -> None:
    seen = kinds("/wiki/a?action=edit", "/wiki/b?action=edit", alike=False)
    assert seen.are_enough("/wiki/c?action=edit")
    assert not seen.are_enough("/wiki/c?action=history")
    assert not seen.are_enough("/wiki/c")
