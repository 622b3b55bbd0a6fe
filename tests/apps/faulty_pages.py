"""Pages with faults of many kinds, and with what looks like faults and is none."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

from tests.apps.served import Page

_LINKS = {
    "/": "Home",
    "/catalogue": "Catalogue",
    "/news": "News",
    "/gallery": "Gallery",
    "/feedback": "Feedback",
    "/newsletter": "Newsletter",
    "/reports": "Reports",
    "/staff": "Staff",
}
ELSEWHERE = "http://127.0.0.1:1"
"""No other host answers here."""


def _page(heading: str, body: str) -> str:
    links = "".join(f'<li><a href="{path}">{name}</a></li>' for path, name in _LINKS.items())
    return (
        f"<title>{heading}</title><header><nav aria-label=Main><ul>{links}</ul></nav>"
        "<select id=tongue><option>English</option><option>Deutsch</option></select>"
        f'<img src="/logo.png" alt="Our logo"><img src="{ELSEWHERE}/counter.png" alt=""></header>'
        f"<main><h1>{heading}</h1>{body}</main>"
    )


_HOME = """
<p style="color: #aaa; background: #fff">Welcome to all of it.</p>
<a href="/team">Our team</a>
<a href="/sometimes">Sometimes there</a><a href="/guide.pdf">The guide</a>
"""
_CATALOGUE = (
    '<b style="color: #aaa; background: #fff">Eight things</b><ul>'
    + "".join(f'<li><a href="/thing/{n}">Thing {n}</a></li>' for n in range(1, 9))
    + "</ul>"
)
_NEWS = """
<p id=latest>Loading</p>
<script>
  const widget = document.createElement("script");
  widget.src = location.origin.replace("127.0.0.1", "localhost") + "/widget.js";
  document.head.append(widget);
  fetch("/latest.json").then(answer => { document.getElementById("latest").textContent = answer.status; });
</script>
"""
_GALLERY = """
<img src="/picture.png"><p id=more hidden>There is more.</p>
<button type=button onclick="document.getElementById('more').hidden = false">Show more</button>
<button type=button onclick="document.getElementById('map').hidden = false">Show map</button>
<button type=button onclick="fetch('/picture.png')">Load again</button>
<button type=button>Show details</button>
<script>setTimeout(() => { undefined.slides.start(); }, 0);</script>
"""
_FEEDBACK = """
<form method=post action=/feedback novalidate
  onsubmit="if (!/\\S+@\\S+/.test(this.elements.email.value)) event.preventDefault()">
  <label>Your e-mail <input name=email required></label><button>Give feedback</button>
</form>
"""
_NEWSLETTER = """
<form method=post action=/newsletter><label>Name <input name=name required></label><button>Join</button></form>
"""


def pages() -> Mapping[str, Page]:
    """The pages, by path; one of them answers well only the second time."""
    asked = count()
    return {
        "/": _page("Faulty pages", _HOME),
        "/catalogue": _page("Catalogue", _CATALOGUE),
        **{f"/thing/{n}": _page(f"Thing {n}", "<p>A thing.</p>") for n in range(1, 8)},
        "/news": _page("News", _NEWS),
        "/latest.json": (503, "{}"),
        "/widget.js": "undefined.widget.start();",
        "/gallery": _page("Gallery", _GALLERY),
        "/picture.png": "",
        "/feedback": _page("Feedback", _FEEDBACK),
        "POST /feedback": _page("Thank you", "<p role=status>Your feedback has come in.</p>"),
        "/newsletter": _page("Newsletter", _NEWSLETTER),
        "POST /newsletter": (500, "<title>Error</title><h1>Internal error</h1>"),
        "/reports": (500, "<title>Error</title><h1>Internal error</h1>"),
        "/staff": (403, "<title>No</title><h1>Staff only</h1>"),
        "/sometimes": lambda: (404, "<title>No</title>") if next(asked) == 0 else _page("Sometimes", "<p>There.</p>"),
    }


FAULTS = {
    ("server_error", "GET /reports answers 500"),
    ("server_error", "GET /latest.json answers 503"),
    ("server_error", "POST /newsletter answers 500"),
    ("broken_link", "GET /team answers 404"),
    ("broken_link", "GET /guide.pdf answers 404"),
    ("broken_link", "GET /thing/8 answers 404"),
    ("missing_resource", "GET /logo.png answers 404"),
    ("script_error", "script error: Cannot read properties of undefined (reading 'slides')"),
    ("script_error", "script error: Cannot set properties of null (setting 'hidden')"),
    ("dead_button", "the button “Show details” does nothing"),
    ("silent_rejection", "nothing says that “Your e-mail” is wrong"),
    ("unlabelled_control", "a combobox has no name: tongue"),
    ("accessibility", "color-contrast"),
    ("accessibility", "image-alt"),
}
"""Kind and title of all that is wrong; of accessibility the rule."""
