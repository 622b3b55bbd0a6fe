"""Plans as Playwright's planner writes them, and as people leave them."""

from __future__ import annotations

import pytest

from agent_runtime_server.adapters.opencode.plan_file import MAX_TESTS, is_test, read_plan

SAVED = """# Shop

## Application Overview

A shop. ### 9. This is no heading.

## Test Scenarios

### 1. Cart

**Seed:** `tests/seed.spec.ts`

#### 1.1. Add an item

**File:** `tests/cart/add-item.spec.ts`

**Steps:**
  1. Open a product
    - expect: Its price is shown
  2. Add it to the cart
    - expect: The cart has one line
    - expect: The total is the price

#### 1.2. Remove an item

**File:** `tests/cart/remove-item.spec.ts`

**Steps:**
  1. -
    - expect: The cart is empty

### 2. Search

**Seed:** `tests/seed.spec.ts`

#### 2.1. Find nothing

**File:** `tests/search/nothing.spec.ts`

**Steps:**
  1. Look for "zzz"
"""


def test_a_saved_plan_is_read_with_suites_titles_files_and_expectations() -> None:
    plan = read_plan(SAVED)
    assert plan.problems == ()
    assert [(file.path, [test.title for test in file.tests]) for file in plan.files] == [
        ("tests/cart/add-item.spec.ts", ["Add an item"]),
        ("tests/cart/remove-item.spec.ts", ["Remove an item"]),
        ("tests/search/nothing.spec.ts", ["Find nothing"]),
    ]
    assert [(test.suite, test.expectations) for test in plan.tests] == [("Cart", 3), ("Cart", 1), ("Search", 0)]


def test_the_text_of_a_test_is_all_that_the_plan_says_of_it() -> None:
    first = read_plan(SAVED).tests[0].text
    assert first.startswith("#### 1.1. Add an item")
    assert first.endswith("- expect: The total is the price")


def test_what_people_write_between_the_lines_belongs_to_the_test() -> None:
    edited = SAVED.replace("  2. Add it to the cart", "Mind the discount!\n  2. Add it to the cart")
    assert "Mind the discount!" in read_plan(edited).tests[0].text


def test_the_digest_of_a_file_changes_with_what_the_plan_says_of_it_and_with_nothing_else() -> None:
    before = read_plan(SAVED).files
    after = read_plan(SAVED.replace("The cart has one line", "The cart has two lines")).files
    assert [one.digest == other.digest for one, other in zip(before, after, strict=True)] == [False, True, True]


def test_tests_that_share_a_file_come_together() -> None:
    shared = SAVED.replace("remove-item", "add-item")
    assert [len(file.tests) for file in read_plan(shared).files] == [2, 1]


def test_a_test_without_a_file_gets_one_named_after_it() -> None:
    plan = read_plan("### 1. Übersicht & Mehr\n\n#### 1.1. Shows *all* items!\n")
    assert [file.path for file in plan.files] == ["tests/übersicht-mehr/shows-all-items.spec.ts"]


@pytest.mark.parametrize(
    "path",
    [
        "../outside.spec.ts",
        "/etc/passwd.spec.ts",
        "tests/../outside.spec.ts",
        "tests/.agent-runtime/x.spec.ts",
        "src/x.spec.ts",
        "tests/x.ts",
        "tests/a\x00b.spec.ts",
        "tests//x.spec.ts",
        "tests/x.spec.ts/y",
        "tests/" + "x" * 300 + ".spec.ts",
        "tests/seed.spec.ts",
    ],
)
def test_files_that_are_no_tests_below_tests_are_refused(path: str) -> None:
    plan = read_plan(SAVED.replace("tests/cart/add-item.spec.ts", path))
    assert [file.path for file in plan.files] == ["tests/cart/remove-item.spec.ts", "tests/search/nothing.spec.ts"]
    assert len(plan.problems) == 1
    assert "Add an item" in plan.problems[0]


def test_a_leading_dot_is_no_reason_to_refuse_a_file() -> None:
    assert read_plan("#### A\n**File:** ./tests/a.spec.ts\n").files[0].path == "tests/a.spec.ts"


def test_a_plan_without_end_is_cut_and_that_is_said() -> None:
    endless = "".join(f"#### 1.{number}. Test {number}\n" for number in range(MAX_TESTS + 5))
    plan = read_plan(endless)
    assert len(plan.tests) == MAX_TESTS
    assert any("the rest is left out" in problem for problem in plan.problems)


@pytest.mark.parametrize("text", ["", "# Plan\n", "\x00\xff####", "####\n", "### \n#### \n"])
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_plan(text).files == ()


def test_test_files_are_known_by_their_names() -> None:
    assert is_test("tests/a/b.spec.ts")
    assert is_test("tests/a.test.mjs")
    assert not is_test("tests/fixtures.ts")
