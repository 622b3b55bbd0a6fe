"""A server for stand-in apps that browsers ask for much at the same time."""

from __future__ import annotations

from http.server import ThreadingHTTPServer


class PatientServer(ThreadingHTTPServer):
    """Keeps connections waiting that it has no time for yet, where the library's own drops them: a browser then tries
    again after a second or more."""

    request_queue_size = 128
