"""What the explorer knows of an app: the pages it saw, what they offer, and what was wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import StorageState

from agent_runtime_server.adapters.explorer.flow import Expectation, Seen, SignInRecipe, Skipped
from agent_runtime_server.adapters.explorer.language import Locator
from agent_runtime_server.adapters.explorer.settle import origin_of
from agent_runtime_server.adapters.explorer.templates import Page, is_bare, learn, pattern, skeleton
from agent_runtime_server.adapters.explorer.view import Form, View


@dataclass(frozen=True, eq=False)
class Opener:
    """A control that shows more of its page: a menu, a dialog, a part that is folded."""

    name: str
    target: Locator


@dataclass(frozen=True, eq=False)
class Visit:
    """A page that was opened during the crawl."""

    path: str
    view: View
    skeleton: str
    signed_in: bool
    status: int = 200
    opener: Opener | None = None
    """What was clicked to see it like this."""
    label: str = ""
    """The name of the link that led to it."""
    asked: str = ""
    """The path that was opened, where the app has sent us on from it for this time; else the page's own."""
    source: str = ""
    """The path of the page with that link."""

    @property
    def name(self) -> str:
        """What people would call it: its heading, the link to it, or its title."""
        heading = self.view.heading
        return (heading.name if heading else "") or self.label or self.view.title or self.path


@dataclass(frozen=True)
class Offered:
    """A link of the app to itself: what it is called, and the path of the page that has it."""

    label: str
    source: str


@dataclass(frozen=True, eq=False)
class SignIn:
    """How one signs in, and how one sees that it worked."""

    page: str
    """Path of the page with the form."""
    recipe: SignInRecipe
    username: Locator
    password: Locator
    submit: Locator
    markers: tuple[str, ...]
    """Names of the controls that only a signed-in person sees."""
    landing: str
    """Path where one is after it."""
    state: StorageState
    """Storage state of a signed-in context, as Playwright keeps it."""

    @property
    def success(self) -> Expectation:
        """What shows that one is signed in."""
        return self.recipe.success


@dataclass(eq=False)
class Site:
    """All that was learnt, in the order in which it was learnt."""

    app_url: str
    home: str
    visits: dict[str, Visit] = field(default_factory=dict)
    """By path; a page seen both signed-out and signed-in keeps the first view."""
    unfolded: list[Visit] = field(default_factory=list)
    """Pages as they look when something in them has been opened."""
    private: dict[str, str] = field(default_factory=dict)
    """Paths that lead elsewhere unless one is signed in, and where to."""
    findings: list[Seen] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    offered: dict[str, Offered] = field(default_factory=dict)
    """Links that may be followed and were not, by path."""
    sign_in: SignIn | None = None
    truncated: bool = False
    arrival: str = ""
    """Path of the page that the app's address leads to; empty until it was opened."""
    _causes: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def at(cls, app_url: str) -> Site:
        """An app of which nothing is known but its address, which is that of its start page."""
        parts = urlsplit(app_url)
        return cls(app_url, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))

    @property
    def origin(self) -> str:
        """Scheme, host and port of the app."""
        return origin_of(self.app_url)

    def add(
        self,
        view: View,
        *,
        signed_in: bool,
        status: int = 200,
        label: str = "",
        asked: str = "",
        source: str = "",
    ) -> Visit:
        """Keep a page; see ``Visit`` for what is told of it."""
        visit = Visit(
            view.path, view, skeleton(view), signed_in, status, label=label, asked=asked or view.path, source=source
        )
        self.visits.setdefault(view.path, visit)
        return visit

    def unfold(self, visit: Visit, view: View, opener: Opener) -> None:
        """Keep how a page looks when something in it has been opened."""
        self.unfolded.append(Visit(visit.path, view, visit.skeleton, visit.signed_in, visit.status, opener))

    def own(self, url: str) -> str | None:
        """The path of a URL of the app itself, or None for a foreign one."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or origin_of(url) != self.origin:
            return None
        fragment = f"#{parts.fragment}" if parts.fragment.startswith("/") else ""
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "") + fragment

    def templates(self) -> dict[str, str]:
        """The URL template of each page that was seen and answered well."""
        in_menus = {
            self.own(visit.view.target(link)) for visit in self.good for link in visit.view.links if link.in_chrome
        }
        return learn(
            Page(visit.path, visit.skeleton, apart=visit.path in in_menus and is_bare(visit.view))
            for visit in self.good
        )

    @property
    def start(self) -> Visit | None:
        """The start page, which may have another address than the app."""
        return self.visits.get(self.arrival or self.home)

    @property
    def good(self) -> list[Visit]:
        """The pages that answered without an error."""
        return [visit for visit in self.visits.values() if visit.status < 400]

    def forms(self) -> Iterator[tuple[Visit, Form]]:
        """Each form that may be sent, once, with the page where it was first seen."""
        known: set[tuple[str, tuple[str, ...]]] = set()
        for visit in [*self.good, *self.unfolded]:
            for form in (each for each in visit.view.forms if not each.guarded):
                fields = tuple(each.attrs.get("name", each.name) for each in form.fields)
                key = (pattern(self.own(form.action) or form.action), fields)
                if key not in known:
                    known.add(key)
                    yield visit, form

    def leave_out(self, skipped: Skipped) -> bool:
        """Keep what cannot be covered; False when it is known already."""
        if skipped in self.skipped:
            return False
        self.skipped.append(skipped)
        return True

    def report(self, finding: Seen, cause: str) -> bool:
        """Keep a finding; False when one of this cause is known already, whatever page it was seen on."""
        if (finding.kind, cause) in self._causes:
            return False
        self._causes.add((finding.kind, cause))
        self.findings.append(finding)
        return True
