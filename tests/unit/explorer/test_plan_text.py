from __future__ import annotations

from msgspec.structs import replace

from agent_runtime_server.adapters.explorer.edits import apply_plan
from agent_runtime_server.adapters.explorer.plan_text import (
    PlannedStep,
    PlannedTest,
    planned_as,
    print_plan,
    read_plan,
)
from tests.unit.explorer.samples import CART, MODEL, REFUSED, SEARCH

# What Playwright 1.65.1's planner_save_plan wrote for the same scenarios, and our sections after it.
GOLDEN = """\
# Mugs

## Application Overview

A shop for mugs.

## Test Scenarios

### 1. Cart & more

**Seed:** `tests/seed.spec.ts`

#### 1.1. refuses a wrong mail

**File:** `tests/cart-more/mail-refused.spec.ts`

**Steps:**
  1. Send the form
    - expect: the field is refused
    - expect: no line is added

### 2. Search

**Seed:** `tests/seed.spec.ts`

#### 2.1. finds mugs

**File:** `tests/search/search-hit.spec.ts`

**Steps:**
  1. Open the mugs
    - expect: dear first
  2. Search for “mug”
    - expect: the URL has the term
    - expect: each result has the term

## Findings

- **medium** A link leads nowhere (broken_link, /gone)
  1. Open /
  2. Click it

## Not covered and why

- Delete account: it destroys data

## Coverage

- 2 tests with 5 expectations, each of them shown able to fail
- 2 kinds of pages: `/`, `/product/:id`
- the exploration was ended by its time limit: there may be more to find
"""

PLAN = print_plan(MODEL)
CART_PATH = "tests/cart-more/add-to-cart.spec.ts"


def test_the_format_of_playwrights_planner() -> None:
    assert print_plan(replace(MODEL, flows=(REFUSED, SEARCH), truncated=True)) == GOLDEN


def test_a_plan_is_read_back() -> None:
    assert read_plan(PLAN) == [planned_as(flow) for flow in MODEL.flows]


def test_an_unchanged_plan_gives_every_flow() -> None:
    edited = apply_plan(MODEL.flows, read_plan(PLAN))
    assert list(edited.flows.values()) == list(MODEL.flows)
    assert edited.not_done == []


def test_a_removed_test_and_a_removed_expectation() -> None:
    start, end = PLAN.index("#### 1.2."), PLAN.index("### 2. Search")
    plan = (PLAN[:start] + PLAN[end:]).replace("    - expect: the name stays\n", "")
    edited = apply_plan(MODEL.flows, read_plan(plan))
    assert [flow.id for flow in edited.flows.values()] == ["add-to-cart", "search-hit"]
    texts = [expectation.text for expectation in edited.flows[CART_PATH].steps[1].expectations]
    assert texts == [e.text for e in CART.steps[1].expectations if e.text != "the name stays"]
    assert edited.not_done == []


def test_a_renamed_test_keeps_its_file() -> None:
    edited = apply_plan(MODEL.flows, read_plan(PLAN.replace("#### 2.1. finds mugs", "#### 2.1. Mugs are found")))
    assert edited.flows["tests/search/search-hit.spec.ts"] == replace(SEARCH, title="Mugs are found")


def test_what_the_model_does_not_know_is_reported_and_not_guessed() -> None:
    plan = PLAN.replace("  3. Add it again\n", "  3. Add it again\n    - expect: fireworks\n  4. Dance\n")
    plan += "\n#### 3.1. New\n**File:** `tests/new.spec.ts`\n**Steps:**\n  1. Fly\n#### 3.2. No file\n  1. Swim\n"
    edited = apply_plan(MODEL.flows, read_plan(plan))
    assert edited.not_done == [
        "“a product's line and total”: the expectation “fireworks” is not known",
        "“a product's line and total”: the step “Dance” is not known",
        "“New”: nobody has acted out this test",
        "“No file”: nobody has acted out this test",
    ]
    assert len(edited.flows[CART_PATH].steps) == len(CART.steps)


def test_a_test_that_lost_what_it_needs_is_not_written() -> None:
    planned = planned_as(CART)
    edited = apply_plan([CART], [PlannedTest(planned.suite, planned.name, planned.path, planned.steps[1:])])
    assert edited.flows == {}
    assert edited.not_done == ["“a product's line and total”: a step that is gone found out price, productName"]


def test_a_test_without_an_outcome_is_not_written() -> None:
    planned = planned_as(SEARCH)
    bare = PlannedTest(planned.suite, planned.name, planned.path, (PlannedStep("Search for “mug”"),))
    assert apply_plan([SEARCH], [bare]).not_done == ["“finds mugs”: no expectation of an outcome is left"]
