"""The faults that an app can have, from which mutants are sampled: those that its listed flows reach."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import asdict

import httpx

from agent_runtime_server.adapters.explorer.browser import open_browser
from tests.quality.apps import App
from tests.quality.cache import Cache
from tests.quality.changes import Change, Script, read
from tests.quality.mutants import reached
from tests.quality.proxy import IN_PAGE, Exchange, Proxy
from tests.quality.truth import Truth, source

_TITLE = re.compile(r"<title>([^<]*)</title>")


async def pool_of(
    name: str, app: App, proxy: Proxy, truth: Truth, cache: Cache
) -> tuple[dict[str, list[Change]], dict[str, str]]:
    """The mutants that each flow reaches, and the titles of pages that everybody can open, by path."""
    patterns = [
        *truth.templates,
        *(form.path for form in truth.forms),
        *(asked.path for flow in truth.flows.values() for asked in flow.asks),
    ]
    patterns = [*dict.fromkeys(pattern for pattern in patterns if pattern != "*")]
    asked = ("pool", IN_PAGE, source(name), repr(patterns))
    if asked in cache:
        known = cache.get(asked)
        return {flow: [read(each) for each in changes] for flow, changes in known["flows"].items()}, known["titles"]
    async with open_browser() as browser:
        acts = {flow: each.act for flow, each in truth.flows.items()}
        found = await reached(browser, proxy, acts, patterns, app.start)
    for flow, each in truth.flows.items():
        changes = {*found[flow], *(change for change in each.breaks if not isinstance(change, Script))}
        found[flow] = sorted(changes, key=lambda change: change.id)
    titles = await _titles(proxy.base_url, proxy.exchanges)
    written = {flow: [asdict(change) for change in changes] for flow, changes in found.items()}
    cache.put(asked, {"flows": written, "titles": titles})
    return found, titles


async def _titles(base_url: str, exchanges: Sequence[Exchange]) -> dict[str, str]:
    paths = sorted({each.path for each in exchanges if each.method == "GET" and each.media_type == "text/html"})
    titles: dict[str, str] = {}
    async with httpx.AsyncClient(base_url=base_url) as client:
        for path in paths:
            answer = await client.get(path)
            if answer.status_code == httpx.codes.OK and (title := _TITLE.search(answer.text)):
                titles[path] = html.unescape(title[1]).strip()
    return titles
