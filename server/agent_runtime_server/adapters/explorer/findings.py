"""What is wrong or doubtful in an app: told once for each cause, and errors of a GET only when they are there again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

from playwright.async_api import Error

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.flow import Seen, SeenKind
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.protocol import Found, Line, Log
from agent_runtime_server.adapters.explorer.settle import SERVER_ERROR, BadResponse
from agent_runtime_server.adapters.explorer.site import Site
from agent_runtime_server.adapters.explorer.templates import pattern
from agent_runtime_server.adapters.explorer.view import View

Emit = Callable[[Line], None]
Again = Callable[[], Awaitable[list[BadResponse]]]
"""Acts a flow out once more; the bad responses that came then."""

NO_FAULT = frozenset({401, 403, 429})
"""An app may answer so: who asks has not signed in, may not, or has asked too often."""
RECHECK_MS = 5000
RECHECKS = 3
"""Clean GETs after a server error: an app that stumbles over company may stumble over one of these as well."""
REPEATS = 2
"""How often what a flow sent is sent anew, for the same reason."""
NO_ANSWER = 0
"""Not a status: a stream or a large file may well take longer than anybody waits here."""
MOST_ALIKE = 3
"""Missing things of one kind that are told; a page that lists a hundred of them has one cause."""


def tell(site: Site, emit: Emit, finding: Seen, cause: str = "") -> None:
    """Keep a finding and tell it, unless one of the same cause was told. Its title is the cause where none is given."""
    if site.report(finding, cause or like(finding.title)):
        emit(Found(finding))
        emit(Log("warning", f"found: {finding.title} ({finding.url})"))


def like(text: str) -> str:
    """The text without what differs from one thing to its neighbour: numbers."""
    return re.sub(r"\d+", "#", text)


def how_to_get_there(path: str, label: str, source: str) -> tuple[str, ...]:
    """The steps to a page: by a link where there is one."""
    return (f"Open {source}", f"Click the link “{label or path}”") if source else (f"Open {path}",)


async def check_page(hand: Hand, site: Site, emit: Emit, bad_from: int, steps: tuple[str, ...]) -> None:
    """What is wrong with the page that a hand has just opened; ``bad_from`` counts the bad responses before it."""
    for bad in hand.traffic.bad[bad_from:]:
        await _check_response(hand, site, emit, bad, steps)
    tell_exceptions(hand, site, emit, steps)
    _tell_unlabelled(hand.view, site, emit, steps)


async def check_flow(site: Site, emit: Emit, hand: Hand, again: Again) -> None:
    """What went wrong on the way of a flow. Refusals are no faults there: flows try what is to be refused.

    What a flow sent is sent anew, by ``again``, and has to fail each time before its failure counts.
    """
    failures = [each for each in hand.traffic.bad if each.status >= SERVER_ERROR]
    sent = [each for each in failures if each.method != "GET"]
    confirmed = {(each.method, _kind(site, each.url)) for each in sent}
    for _ in range(REPEATS):
        if confirmed:
            confirmed &= {(each.method, _kind(site, each.url)) for each in await again()}
    for bad in failures:
        if bad.method == "GET" or (bad.method, _kind(site, bad.url)) in confirmed:
            await _check_response(hand, site, emit, bad, hand.titles)
        else:
            emit(Log("info", f"{bad.method} {bad.url} answered {bad.status} once, and not again"))
            hand.turns.stumbled(f"{bad.method} {site.own(bad.url) or bad.url}")
    tell_exceptions(hand, site, emit, hand.titles)


def _kind(site: Site, url: str) -> str:
    return pattern(site.own(url) or url)


async def _check_response(hand: Hand, site: Site, emit: Emit, bad: BadResponse, steps: tuple[str, ...]) -> None:
    if bad.status in NO_FAULT:
        return
    if bad.method == "GET" and await _goes_well(hand, bad):
        if bad.status >= SERVER_ERROR:
            hand.turns.stumbled(f"GET {site.own(bad.url) or bad.url}")
        return
    tell_response(site, emit, bad, steps)


async def _goes_well(hand: Hand, bad: BadResponse) -> bool:
    """Whether a clean GET is answered without an error."""
    for _ in range(RECHECKS if bad.status >= SERVER_ERROR else 1):
        if NO_ANSWER < await status_of(hand, bad.url) < 400:
            return True
    return False


def tell_response(site: Site, emit: Emit, bad: BadResponse, steps: tuple[str, ...]) -> None:
    """An answer that is an error. Those of one kind fail for one reason, but each thing that is missing is missed."""
    title = f"{bad.method} {site.own(bad.url) or bad.url} answers {bad.status}"
    kind = _kind(site, bad.url)
    if bad.status >= SERVER_ERROR:
        tell(site, emit, Seen("server_error", "high", bad.url, title, steps), f"{bad.method} {kind} {bad.status}")
        return
    what: SeenKind = "broken_link" if bad.is_page else "missing_resource"
    if sum(each.kind == what and _kind(site, each.url) == kind for each in site.findings) < MOST_ALIKE:
        tell(site, emit, Seen(what, "medium" if bad.is_page else "low", bad.url, title, steps), title)
    else:
        emit(Log("info", f"{title}, as others of its kind"))


async def status_of(hand: Hand, url: str) -> int:
    """How a clean GET is answered, redirects not followed; ``NO_ANSWER`` where none comes in time."""
    try:
        async with hand.turns.taken(hand.page):
            response = await hand.page.request.get(url, timeout=RECHECK_MS, max_redirects=0)
        await response.dispose()
    except Error:
        return NO_ANSWER
    return response.status


def tell_exceptions(hand: Hand, site: Site, emit: Emit, steps: tuple[str, ...]) -> None:
    """Errors that scripts threw since this was asked last."""
    for url, message in hand.traffic.exceptions:
        tell(site, emit, Seen("script_error", "medium", url, f"script error: {message}", steps))
    hand.traffic.exceptions.clear()


def tell_foreign(hand: Hand, emit: Emit) -> None:
    """Failures of other hosts are logged and no findings."""
    if hand.traffic.foreign:
        counted = ", ".join(f"{origin} ({count})" for origin, count in sorted(hand.traffic.foreign.items()))
        emit(Log("info", f"what failed on other hosts is not counted as the app's: {counted}"))


def _tell_unlabelled(view: View, site: Site, emit: Emit, steps: tuple[str, ...]) -> None:
    for element in view.controls:
        if element.name or element.attrs.get("placeholder") or (element.role == "link" and not element.is_field):
            continue
        title = f"a {element.role or element.tag} has no name: {_mark(element)}"
        tell(site, emit, Seen("unlabelled_control", "low", view.url, title, steps))


def _mark(element: Element) -> str:
    return element.attrs.get("name") or element.attrs.get("id") or element.kind
