"""An app that fails when it is asked for two things at the same time, and never when it is asked for one."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Callable
from functools import partial

from tests.apps.served import Answer, Page

WORK_SECONDS = 0.05
MEETING_SECONDS = 1.0


class Jostled:
    """Pages for ``Served``: a few to read, and one that greets whoever tells a name."""

    def __init__(self) -> None:
        self._busy = threading.Lock()
        self._met = threading.Event()
        """Two requests have come at the same time."""
        self.failures = 0
        links = "".join(f"<li><a href=/room/{number}>Room {number}</a></li>" for number in range(1, 9))
        self.pages: dict[str, Page] = {
            "/": self._alone(lambda: _page("House", f"<ul>{links}</ul><p><a href=/guests>Guests</a>")),
            "/guests": self._alone(lambda: _page("Guests", _FORM)),
            "POST /guests": self._alone(
                lambda: _page("Guests", f"<p role=status>Thank you, you were added.</p>{_FORM}")
            ),
        }
        for number in range(1, 9):
            self.pages[f"/room/{number}"] = self._alone(partial(_page, f"Room {number}", "<p>A bed."))

    def _alone(self, body: Callable[[], str]) -> Page:
        def answer() -> Answer:
            if not self._busy.acquire(blocking=False):
                self.failures += 1
                self._met.set()
                return 500, "<title>Error</title><h1>The database is locked</h1>"
            try:
                # Until the first two have met, each one waits for the other: how fast the machine is does not matter.
                time.sleep(WORK_SECONDS) if self._met.is_set() else self._met.wait(MEETING_SECONDS)
                return body()
            finally:
                self._busy.release()

        return answer


_FORM = """
<form method=post action=/guests><label>Your name <input name=name required></label><button>Come in</button></form>
"""


def _page(heading: str, body: str) -> str:
    return f"<title>{html.escape(heading)}</title><main><h1>{heading}</h1>{body}</main>"
