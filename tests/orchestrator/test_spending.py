"""The meter: usage is told, budgets are kept, and people asked for more."""

from __future__ import annotations

from agent_runtime_server.domain.event import Fact
from agent_runtime_server.domain.inputs import Answer, InputDecision, InputKind
from agent_runtime_server.domain.task import FailureReason
from agent_runtime_server.domain.usage import Budget, ModelUsage, Price, Usage
from agent_runtime_server.orchestrator.spending import TaskMeter
from agent_runtime_server.testing.asking import Answers

CALL = ModelUsage("p/m", input_tokens=80, output_tokens=20, requests=1, cost=5_000)


async def spend(
    budget: Budget, ask: Answers, used: Usage | None = None, calls: int = 10
) -> tuple[int, TaskMeter, list[Fact]]:
    """How many calls are let through."""
    facts: list[Fact] = []
    meter = TaskMeter(budget, used or Usage(), facts.append, ask)
    for number in range(calls):
        if await meter.admit() is not None:
            return number, meter, facts
        meter.used(CALL)
    return calls, meter, facts


async def test_without_a_budget_everything_is_let_through_and_told() -> None:
    made, _, facts = await spend(Budget(), Answers())
    assert made == 10
    assert facts == [CALL] * 10


async def test_tokens_are_bounded_over_all_attempts() -> None:
    made, meter, _ = await spend(Budget(max_tokens=250), Answers(), Usage((CALL,)))
    assert made == 2
    refusal = await meter.admit()
    assert refusal is not None
    assert refusal.reason is FailureReason.BUDGET_EXCEEDED
    assert "300 tokens" in refusal.message


async def test_money_is_bounded() -> None:
    made, meter, _ = await spend(Budget(max_cost=12_000), Answers())
    assert made == 3
    assert (await meter.admit()) is not None


async def test_a_person_may_add_to_the_budget() -> None:
    ask = Answers(Answer(InputDecision.ALLOW_ONCE, added_budget=Budget(max_tokens=200), resolver="user"))
    made, _, _ = await spend(Budget(max_tokens=200, ask_at_limit=True), ask, calls=5)
    assert made == 5
    assert [question.kind for question in ask.questions] == [InputKind.BUDGET] * 2


async def test_no_answer_is_a_no() -> None:
    ask = Answers()
    made, meter, _ = await spend(Budget(max_tokens=100, ask_at_limit=True), ask)
    assert made == 1
    assert await meter.admit() is not None
    assert len(ask.questions) == 1, "asked once, refused ever after"


async def test_stopping_is_an_answer_of_its_own() -> None:
    for resolver, reason in (("user", FailureReason.INPUT_REFUSED), ("timeout", FailureReason.INPUT_EXPIRED)):
        ask = Answers(Answer(InputDecision.ABORT, resolver=resolver))
        _, meter, _ = await spend(Budget(max_tokens=100, ask_at_limit=True), ask)
        refusal = await meter.admit()
        assert refusal is not None
        assert refusal.reason is reason


def test_prices_count_cached_input_once() -> None:
    used = ModelUsage(
        "p/m", input_tokens=100, output_tokens=10, cache_read_tokens=60, cache_write_tokens=20, requests=1
    )
    priced = used.priced(Price(input=3000, output=15_000, cache_read=300, cache_write=3750))
    assert priced.cost == 20 * 3000 + 10 * 15_000 + 60 * 300 + 20 * 3750
    assert Usage().plus(priced).plus(used).cost is None, "an unknown price makes the sum unknown"
