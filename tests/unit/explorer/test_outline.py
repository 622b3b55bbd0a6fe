"""The outline of a page: what stays of it, in the language of aria snapshots."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.outline import (
    AROUND,
    PAGE,
    cut,
    everywhere,
    of_any_thing,
    parts_of,
    shared,
    template,
)
from agent_runtime_server.adapters.explorer.view import View
from tests.unit.explorer.trees import button, link, make, page, text_field


def own(url: str) -> str | None:
    return url.removeprefix("http://app.test") if url.startswith("http://app.test/") else None


def heading(text: str) -> Element:
    return make("h1", text, role="heading", name=text)


def item(name: str) -> Element:
    return make("li", link(name, "/thing"), role="listitem")


def outlined(view: View) -> str:
    return template(parts_of(view, own))


def test_headings_fields_buttons_and_the_targets_of_links_are_told() -> None:
    view = page(make("main", heading("Notes"), make("p", link("Help", "/help"), role="paragraph"), text_field("Title"),
                     button("Save"), role="main"))  # fmt: skip
    assert outlined(view).splitlines() == [
        '- heading "Notes"',
        "- paragraph:",
        '  - link "Help":',
        "    - /url: /help",
        '- textbox "Title"',
        '- button "Save" [disabled=false]',
    ]


def test_a_button_that_cannot_be_pressed_now_may_be_so_later() -> None:
    waiting, group = button("Send"), make("fieldset", button("Save"))
    waiting.disabled = group.disabled = True
    assert outlined(page(waiting, group, button("Cancel"))).splitlines() == [
        '- button "Send"',
        '- button "Save"',
        '- button "Cancel" [disabled=false]',
    ]


def test_what_varies_is_left_out() -> None:
    view = page(
        heading("Orders"),
        link("Order 12", "/orders/12"),
        link("Next", "/orders?page=2"),
        link("Elsewhere", "https://other.test/"),
        make("nav", link("Home"), role="navigation"),
        make("select", make("option", "One", role="option", name="One"), role="combobox", name="Sort"),
        make("p", "said 5 minutes ago", role="paragraph"),
    )
    assert outlined(view).splitlines() == [
        '- heading "Orders"',
        '- link "Next"',
        '- link "Elsewhere":',
        "  - /url: https://other.test/",
        '- combobox "Sort"',
    ]


def test_where_the_app_is_and_what_is_no_page_are_not_told() -> None:
    view = page(heading("Help"), link("Home", "http://app.test/home"), link("Write", "mailto:help@app.test"))
    assert "/url" not in outlined(view)


def test_what_surrounds_the_main_part_is_told_alone() -> None:
    around = make("nav", link("Home", "/"), button("Menu"), role="navigation")
    view = page(around, make("main", heading("Notes"), button("Save"), role="main"))
    assert template(parts_of(view, own, around)).splitlines() == [
        '- link "Home":',
        "  - /url: /",
        '- button "Menu" [disabled=false]',
    ]


def test_of_things_of_one_kind_only_the_first_are_told() -> None:
    view = page(heading("All"), make("ul", *(item(f"Thing {name}") for name in "abcdef"), role="list"))
    assert outlined(view).count("listitem") == 3
    assert template(parts_of(view, own), AROUND).count("listitem") == 6, "the links of a navigation are no data"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Results (1 - 10 of 12)", r"heading /^Results \(\d+ - \d+ of \d+\)$/"),
        ("Milestone: second2", r"'heading /^Milestone: second\d+$/'"),
        ("12 results", ""),
        ("Log of 4 May", ""),
        ("1984", ""),
        ("Room 4B of Ann", ""),
        ("A note mfx3k2a10", ""),
        ("Oktober 2025", ""),
        ("Since 10:45", ""),
    ],
)
def test_numbers_of_headings_may_be_others_where_their_words_stay(said: str, told: str) -> None:
    lines = outlined(page(heading(said), heading(said), heading("All"), heading("Rest"))).splitlines()
    assert lines == [*([f"- {told}"] if told else []), '- heading "All"', '- heading "Rest"']


def test_what_stands_beside_a_thing_is_not_its_own() -> None:
    view = page(
        heading("Ticket 7"),
        make("ul", item("Previous ticket"), role="list"),
        heading("All"),
        link("\N{LEFTWARDS ARROW} Older"),
        button("Next"),
    )
    assert [part.name for part in of_any_thing(parts_of(view, own))] == ["All", "Next"], "a button is none"


def test_of_rows_of_data_it_is_told_that_there_are_some_and_heads_of_columns_are_told() -> None:
    head = make("tr", make("th", "Name", role="columnheader", name="Name"), role="row")
    rows = [make("tr", make("td", link("edit", "/edit"), role="cell"), role="row") for _ in range(3)]
    table = make("table", make("thead", head), make("tbody", *rows), role="table")
    assert outlined(page(heading("People"), table)).splitlines() == [
        '- heading "People"',
        "- table:",
        "  - rowgroup:",
        "    - row:",
        '      - columnheader "Name"',
        "  - rowgroup:",
        "    - row",
    ]


def test_a_form_that_is_laid_out_as_a_table_has_its_fields() -> None:
    names = ("Full name", "E-mail", "Town", "Street", "Street")
    rows = [make("tr", make("td", text_field(name), role="cell"), role="row") for name in names]
    hint = make("tr", make("td", "All of these may be left out.", role="cell"), role="row")
    rows[0].parts.append(make("td", link("Ann", "/ann"), role="cell"))
    told = outlined(page(make("table", make("tbody", *rows, hint), role="table"))).splitlines()
    assert not any("Ann" in line for line in told), "what stands beside a field in its row is data"
    assert "    - row" not in told, "a row that says nothing is no sign of data here"
    assert told[:5] == ["- table:", "  - rowgroup:", "    - row:", "      - cell:", '        - textbox "Full name"']
    assert [line.strip() for line in told if "textbox" in line] == [f'- textbox "{name}"' for name in names]


def test_a_list_of_what_varies_has_something_in_it() -> None:
    def listed(*names: str) -> View:
        things = (make("li", name, role="listitem") for name in names)
        return page(heading("People"), make("ul", *things, role="list"))

    some = parts_of(listed("Ann 1", "Ben 2"), own)
    assert template(some).splitlines() == ['- heading "People"', "- list:", "  - listitem"]
    assert shared(some, parts_of(listed("Cid 3"), own)) == some
    assert [part.name for part in shared(some, parts_of(listed(), own))] == ["People"], "it was empty then"
    assert everywhere([listed(name) for name in "ABCD"], own) == frozenset(parts_of(page(heading("People")), own))
    assert template(of_any_thing(some)) == "", "a thing that was made now need not have any"


def test_names_are_written_so_that_yaml_reads_them_back() -> None:
    view = page(heading('Say "hello": it\'s #one'.replace("#one", "#on")), button("Go"))
    assert outlined(view).splitlines()[0] == "- 'heading \"Say \\\"hello\\\": it''s #on\"'"


def test_what_most_pages_have_surrounds_them() -> None:
    top = link("Top", "/top")
    views = [page(link("Top", "/top"), heading(name)) for name in ("A", "B", "C", "D")]
    around = everywhere(views, own)
    assert [part.name for part in around] == [top.name]
    assert everywhere(views[:2], own) == frozenset()


def test_what_two_regions_share_is_told_in_the_order_of_both() -> None:
    def listed(*names: str) -> View:
        return page(button("Menu"), make("ul", *(item(name) for name in names), role="list"), heading(names[0]))

    def lines(*views: View) -> list[str]:
        one, other = (parts_of(view, own) for view in views)
        return template(shared(one, other)).splitlines()

    assert lines(listed("Home", "Cart"), listed("Help", "Cart")) == [
        '- button "Menu" [disabled=false]',
        "- list:",
        "  - listitem:",
        '    - link "Cart":',
        "      - /url: /thing",
    ]
    assert lines(page(button("One"), button("Two")), page(button("Two"), button("One"))) == []
    notice = make("p", link("Resend the mail", "/resend"), role="paragraph")
    contact = [heading("Account"), make("p", link("Contact us", "/contact"), role="paragraph")]
    again = [heading("Account"), make("p", link("Contact us", "/contact"), role="paragraph")]
    assert lines(page(notice, *contact), page(*again)) == [
        '- heading "Account"',
        "- paragraph:",
        '  - link "Contact us":',
        "    - /url: /contact",
    ]
    waiting = button("Clear")
    waiting.disabled = True
    assert lines(page(heading("A"), button("Clear")), page(heading("A"), waiting)) == [
        '- heading "A"',
        '- button "Clear"',
    ]


def test_an_outline_is_short() -> None:
    view = page(*(heading(f"Part {name}") for name in "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"))
    assert len(outlined(view).splitlines()) == PAGE.lines


def test_what_is_cut_once_is_short_enough() -> None:
    def listed(names: str) -> Element:
        return make("li", make("ul", *(item(name) for name in names), role="list"), role="listitem")

    view = page(heading("All"), make("ul", *(listed("abcdefg"[:count]) for count in range(2, 8)), role="list"))
    told = cut(parts_of(view, own), PAGE)
    assert cut(told, PAGE) == told
    assert template(told).count("  - listitem:\n    - list") == 3


def test_groups_of_rows_are_such_in_tables_alone() -> None:
    body = make("tbody", make("tr", make("td", link("Home", "/"))))
    assert outlined(page(heading("All"), make("table", body))).splitlines() == [
        '- heading "All"',
        '- link "Home":',
        "  - /url: /",
    ]
