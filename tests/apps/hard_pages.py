"""Pages that a test tool cannot understand, by path: a drawing, closed shadow roots, captchas, a board to drag on."""

from __future__ import annotations

_LINKS = {
    "/": "Home",
    "/sketch": "Sketch",
    "/player": "Player",
    "/login": "Log in",
    "/join": "Join",
    "/contact": "Contact",
    "/board": "Board",
}


def _page(heading: str, body: str) -> str:
    links = "".join(f'<li><a href="{path}">{name}</a></li>' for path, name in _LINKS.items())
    return (
        f"<title>{heading} | Hard pages</title><nav aria-label=Main><ul>{links}</ul></nav>"
        f"<main><h1>{heading}</h1>{body}</main>"
    )


_SKETCH = """
<canvas id=paper width=900 height=500></canvas><button type=button id=tool>Pencil</button>
<script>
  const pen = document.getElementById("paper").getContext("2d");
  pen.fillRect(0, 0, 300, 200);
  document.getElementById("tool").onclick = () => pen.fillRect(300, 200, 300, 200);
</script>
"""
_PLAYER = """
<p>Listen to our programme.</p><sound-player></sound-player>
<script>
  customElements.define("sound-player", class extends HTMLElement {
    connectedCallback() {
      this.attachShadow({mode: "closed"}).innerHTML =
        "<label>Volume <input type=range></label><button type=button>Louder</button>";
    }
  });
</script>
"""
_LOGIN = """
<form method=post action=/login>
  <label>User name <input name=user required></label>
  <label>Password <input type=password name=password required></label>
  <div class=g-recaptcha data-sitekey=none><iframe title="I'm not a robot" srcdoc="<p>Tick me</p>"></iframe></div>
  <button>Log in</button>
</form>
"""
_JOIN = """
<form method=post action=/join>
  <label>E-mail <input type=email name=email required></label>
  <label>Password <input type=password name=password required></label>
  <label>Repeat password <input type=password name=again required></label>
  <img alt="Picture of five letters" width=120 height=40
    src="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='120' height='40'/%3E">
  <label>Type the characters that you see in the picture <input name=answer required></label>
  <button>Join</button>
</form>
"""
_CONTACT = """
<form method=post action=/contact>
  <label>Your name <input name=name required></label>
  <label>Message <textarea name=message required></textarea></label>
  <label>What is 3 + 4? <input name=check required></label>
  <button>Write to us</button>
</form>
"""
_BOARD = """
<section aria-label="To do"><h2>To do</h2><div draggable=true>Paint the fence</div>
<div draggable=true>Mow the lawn</div></section>
<section aria-label=Done><h2>Done</h2><div draggable=true>Plant the tree</div></section>
"""

PAGES = {
    "/": _page("Hard pages", "<p>Nothing here is easy to test.</p>"),
    "/sketch": _page("Draw something", _SKETCH),
    "/player": _page("Radio", _PLAYER),
    "/login": _page("Welcome back", _LOGIN),
    "/join": _page("Become a member", _JOIN),
    "/contact": _page("Write to us", _CONTACT),
    "/board": _page("Our board", _BOARD),
}
