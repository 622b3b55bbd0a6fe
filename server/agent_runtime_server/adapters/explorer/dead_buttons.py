"""Buttons that do nothing: clicked twice, each time on a fresh page, while nothing that could do harm gets through."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from playwright.async_api import Error, Page, Route

from agent_runtime_server.adapters.explorer.element import Element
from agent_runtime_server.adapters.explorer.findings import tell, tell_exceptions
from agent_runtime_server.adapters.explorer.flow import Seen
from agent_runtime_server.adapters.explorer.hand import Hand, LostError
from agent_runtime_server.adapters.explorer.language import Click, Locator
from agent_runtime_server.adapters.explorer.mining import Kit
from agent_runtime_server.adapters.explorer.protocol import Activity, Log
from agent_runtime_server.adapters.explorer.site import Visit
from agent_runtime_server.adapters.explorer.view import View
from agent_runtime_server.adapters.explorer.vocabulary import ALWAYS_RISKY, RISKY, concepts_in

MOST_BUTTONS = 10
MOST_OF_A_PAGE = 5
REACH_MS = 5000
"""How long a button may take to be reached: other flows keep the machine busy."""
PATIENCE_MS = 1000
"""How long a button may take to show that it did something."""

_CHANGES_DATA = frozenset({"sign_out", "register", "cart", "checkout", "remove", "update", "create", "edit"})
_QUIET = re.compile(
    r"\b(copy|print|share|play|pause|stop|mute|full ?screen|zoom|scroll|top|prev(ious)?|next|back|forward|first|last"
    r"|undo|redo|close|hide|dismiss|cancel|clear|reset|refresh|reload|save|submit|select|sort|upload|browse|ok|vote"
    r"|like|follow)\b",
    re.IGNORECASE,
)
"""May rightly do nothing just now, nothing that shows, or what should not be tried."""
_ACTIVE = re.compile(r"\b(active|selected|current|disabled)\b", re.IGNORECASE)
_UNSEEN = frozenset({"canvas", "audio", "video", "iframe", "object", "embed"})
"""What changes in these shows in no DOM."""
_WATCH = """(button) => {
  const seen = {changed: false};
  seen.change = new Promise(resolve => { seen.tell = () => { seen.changed = true; resolve(); }; });
  const all = {subtree: true, childList: true, attributes: true, characterData: true};
  const roots = [document, ...[...document.querySelectorAll("*")].map(each => each.shadowRoot).filter(Boolean)];
  for (const root of roots) new MutationObserver(seen.tell).observe(root, all);
  for (const kind of ["input", "change", "focusin", "scroll", "hashchange", "popstate", "beforeunload", "copy"])
    addEventListener(kind, event => { if (event.target !== button) seen.tell(); }, true);
  for (const [owner, name] of [[Storage.prototype, "setItem"], [Storage.prototype, "removeItem"], [window, "open"],
      [window, "print"], [window, "postMessage"], [history, "pushState"], [history, "replaceState"],
      [HTMLElement.prototype, "focus"], [Element.prototype, "requestFullscreen"],
      [navigator.clipboard ?? {}, "writeText"]]) {
    const real = owner[name];
    if (real) owner[name] = function (...given) { seen.tell(); return real.apply(this, given); };
  }
  return seen;
}"""
_AWAIT = (
    "(seen, limit) => Promise.race([seen.change, new Promise(end => setTimeout(end, limit))]).then(() => seen.changed)"
)


async def find_dead_buttons(kit: Kit) -> None:
    """Click some harmless buttons that stand outside of forms, and tell which do nothing."""
    for visit, button in list(_candidates(kit))[:MOST_BUTTONS]:
        if time.monotonic() >= kit.until:
            return
        kit.emit(Activity(f"Trying whether the button “{button.name}” on {visit.path} does anything"))
        try:
            if await _does_nothing(kit, visit, button) and await _does_nothing(kit, visit, button):
                title = f"the button “{button.name}” does nothing"
                finding = Seen("dead_button", "medium", visit.view.url, title, _steps(visit, button))
                tell(kit.site, kit.emit, finding, title)
        except (LostError, Error) as error:
            kit.emit(Log("debug", f"“{button.name}” on {visit.path} was not tried: {str(error).splitlines()[0]}"))


def _candidates(kit: Kit) -> Iterator[tuple[Visit, Element]]:
    kinds: set[str] = set()
    names: set[str] = set()
    for visit in kit.site.good:
        if visit.skeleton in kinds or _shows_unseen(visit.view):
            continue
        kinds.add(visit.skeleton)
        harmless = [each for each in visit.view.buttons if _is_harmless(each, visit.view)]
        wanted = [each for each in harmless if not kit.wish.refuses(f"{each.name} {visit.path}")]
        fresh = {each.name: each for each in reversed(wanted) if each.name not in names}
        for name, button in list(reversed(fresh.items()))[:MOST_OF_A_PAGE]:
            names.add(name)
            yield visit, button


def _shows_unseen(view: View) -> bool:
    return bool(view.sealed) or any(each.tag in _UNSEEN for each in view.elements)


def _is_harmless(button: Element, view: View) -> bool:
    name = button.name
    if not name or button.disabled or view.form_of(button) is not None or "form" in button.attrs:
        return False
    if RISKY.search(name) or ALWAYS_RISKY.search(name) or _QUIET.search(name) or concepts_in(name) & _CHANGES_DATA:
        return False
    states = [value for key, value in button.attrs.items() if key.startswith("aria-")]
    return "true" not in states and not _ACTIVE.search(button.attrs.get("class", ""))


async def _does_nothing(kit: Kit, visit: Visit, button: Element) -> bool:
    async with kit.hand(state=kit.site.sign_in.state if visit.signed_in and kit.site.sign_in else None) as hand:
        watch = _Outside(hand.page)
        await hand.page.route("**/*", watch.let_reading_pass)
        await hand.visit(visit.path)
        again = next(
            (each for each in hand.view.buttons if (each.name, each.attrs) == (button.name, button.attrs)), None
        )
        if again is None:
            raise LostError("the button is gone")
        shows = await _shows(hand, watch, await hand.find(again))
        tell_exceptions(hand, kit.site, kit.emit, _steps(visit, button))
        return not shows


def _steps(visit: Visit, button: Element) -> tuple[str, ...]:
    return f"Open {visit.path}", f"Click the button “{button.name}”"


async def _shows(hand: Hand, watch: _Outside, target: Locator) -> bool:
    """Whether a click has an effect of any kind."""
    located = hand.in_page(target)
    await located.hover(timeout=REACH_MS)
    await located.focus(timeout=REACH_MS)
    await hand.look()
    url = hand.page.url
    watch.begin()
    hand.traffic.exceptions.clear()
    seen = await located.evaluate_handle(_WATCH)
    try:
        await hand.act(Click(target))
        changed = await seen.evaluate(_AWAIT, PATIENCE_MS)
    except Error:
        return True  # the page is another by now
    return bool(changed) or watch.happened or bool(hand.traffic.exceptions) or hand.page.url != url


class _Outside:
    """What a click may set off outside of the document. Whatever would change data is broken off."""

    def __init__(self, page: Page) -> None:
        self.happened = False
        for event in ("request", "popup", "dialog", "download", "filechooser", "websocket"):
            page.on(event, self._note)

    def begin(self) -> None:
        """What happened so far was not the click."""
        self.happened = False

    def _note(self, _event: object) -> None:
        self.happened = True

    async def let_reading_pass(self, route: Route) -> None:
        """Let a request go on if it only reads."""
        if route.request.method in ("GET", "HEAD", "OPTIONS"):
            await route.continue_()
        else:
            await route.abort()
