"""What is wrong or doubtful on a page: errors of the app's own, each seen a second time before it is told."""

from __future__ import annotations

from typing import Literal

from playwright.async_api import Error

from agent_runtime_server.adapters.explorer.flow import Seen
from agent_runtime_server.adapters.explorer.hand import Hand
from agent_runtime_server.adapters.explorer.perceive import View
from agent_runtime_server.adapters.explorer.site import Site

Severity = Literal["low", "medium", "high"]


async def check_page(hand: Hand, site: Site, view: View, bad_from: int, label: str) -> list[Seen]:
    """What is wrong with the page that a hand has just opened; ``bad_from`` counts the bad responses before it."""
    steps = (f"Open {view.path}",) if not label else (f"Follow “{label}” to {view.path}",)
    found: list[Seen] = []
    for bad in hand.traffic.bad[bad_from:]:
        path = site.own(bad.url) or bad.url
        if bad.status in (401, 403) or (bad.method == "GET" and not await _still_bad(hand, bad.url)):
            continue
        kind = "server_error" if bad.status >= 500 else "broken_link" if bad.is_page else "missing_resource"
        severity: Severity = "high" if bad.status >= 500 else "medium" if bad.is_page else "low"
        found.append(Seen(kind, severity, bad.url, f"{bad.method} {path} answers {bad.status}", steps))
    for url, message in hand.traffic.exceptions:
        found.append(Seen("script_error", "medium", url, f"script error: {message}", steps))
    hand.traffic.exceptions.clear()
    for element in view.controls:
        if element.name or element.attrs.get("placeholder") or (element.role == "link" and not element.is_field):
            continue
        what = element.attrs.get("name") or element.attrs.get("id") or element.kind
        found.append(
            Seen("unlabelled_control", "low", view.url, f"a {element.role or element.tag} has no name: {what}", steps)
        )
    return found


async def _still_bad(hand: Hand, url: str) -> bool:
    try:
        response = await hand.page.request.get(url, timeout=5000)
    except Error:
        return True
    return response.status >= 400
