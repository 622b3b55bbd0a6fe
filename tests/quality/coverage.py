"""How much of an app a suite covers: flows, pages and forms.

A flow is covered if a sound test acts it out and would notice that its outcome is wrong. That is decided by two facts,
both measured. *Acts out*: on the healthy app, the test sends the requests that the flow cannot do without
(``Flow.asks``), in their order and answered as in the flow. *Would notice*: it fails as soon as the flow's outcome, and
as little else as can be, is spoilt (``Flow.breaks``, one at a time; one is enough). That the truth's own flows fail for
their breaks is checked by ``unspoilt``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from playwright.async_api import Browser, Error, expect

from tests.quality.changes import fits
from tests.quality.mutants import acted
from tests.quality.proxy import Exchange, Proxy
from tests.quality.rates import Rate
from tests.quality.scoring import Examiner, Reset, Survey
from tests.quality.truth import Asked, Flow, Form, Truth

_PATIENCE_MS = 2_000


@dataclass(frozen=True, slots=True)
class Covered:
    """What a suite covers."""

    flows: dict[str, str]
    """For each flow the test that covers it; empty if none does."""
    acted_out: frozenset[str]
    """Flows that are acted out at least, of those that have requests of their own."""
    templates: dict[str, bool]
    forms: dict[str, bool]

    @property
    def rates(self) -> dict[str, Rate]:
        """Of flows, templates and forms."""
        parts = {"flows": self.flows.values(), "templates": self.templates.values(), "forms": self.forms.values()}
        return {name: Rate(sum(map(bool, found)), len(found)) for name, found in parts.items()}


async def covered(examiner: Examiner, survey: Survey, truth: Truth, only: Iterable[str] | None = None) -> Covered:
    """What a suite covers; ``only`` are the flows to look at. Raises OutOfTime."""
    flows: dict[str, str] = {}
    candidates = {name: acting(truth.flows[name], survey) for name in (only if only is not None else truth.flows)}
    for name, tests in candidates.items():
        flows[name] = ""
        for change in truth.flows[name].breaks if tests else ():
            tried = await examiner.tried(change, tests, survey)
            if tried.caught_by:
                flows[name] = tried.caught_by
                break
    sent = [each for name in sorted(survey.traffic) for each in survey.traffic[name]]
    return Covered(
        flows,
        frozenset(name for name, tests in candidates.items() if tests and truth.flows[name].asks),
        {pattern: any(_opened(pattern, each) for each in sent) for pattern in truth.templates},
        {f"{form.method} {form.path}": any(_sent(form, each) for each in sent) for form in truth.forms},
    )


def acting(flow: Flow, survey: Survey) -> list[str]:
    """The sound tests whose requests are those of a flow."""
    return sorted(test for test in survey.sound if in_order(flow.asks, survey.traffic.get(test, ())))


def in_order(asks: Sequence[Asked], exchanges: Sequence[Exchange]) -> bool:
    """Whether these requests are among what passed, one after the other."""
    left = list(asks)
    for each in exchanges:
        if left and answers(left[0], each):
            left.pop(0)
    return not left


def answers(asked: Asked, exchange: Exchange) -> bool:
    """Whether an exchange is the one that is asked for."""
    right = exchange.status == asked.status if asked.status else exchange.status < 400
    same = asked.method == exchange.method and fits(asked.path, exchange.path)
    return right and same and asked.fields <= exchange.fields


def _opened(pattern: str, exchange: Exchange) -> bool:
    return exchange.media_type == "text/html" and exchange.status < 400 and fits(pattern, exchange.path)


def _sent(form: Form, exchange: Exchange) -> bool:
    return form.method == exchange.method and fits(form.path, exchange.path) and form.fields <= exchange.fields


async def unspoilt(browser: Browser, proxy: Proxy, reset: Reset, truth: Truth) -> list[str]:
    """What is wrong with a truth: flows that go well although their outcome is spoilt, or lack their own requests."""
    wrong: list[str] = []
    expect.set_options(timeout=_PATIENCE_MS)
    for name, flow in truth.flows.items():
        reset()
        begin = len(proxy.exchanges)
        try:
            async with acted(browser, proxy.base_url) as page:
                await flow.act(page)
        except (AssertionError, Error) as failure:
            wrong.append(f"{name}: fails on the app as it is: {str(failure)[:300]}")
            continue
        if not in_order(flow.asks, proxy.exchanges[begin:]):
            sent = [f"{each.method} {each.path} {each.status}" for each in proxy.exchanges[begin:]]
            wrong.append(f"{name}: does not ask {flow.asks}, but {sent}")
        for change in flow.breaks:
            reset()
            proxy.changes = (change,)
            try:
                async with acted(browser, proxy.base_url) as page:
                    page.set_default_timeout(_PATIENCE_MS)
                    await flow.act(page)
                wrong.append(f"{name}: goes well with “{change.id}”")
            except (AssertionError, Error):
                pass
            finally:
                proxy.changes = ()
    return wrong
