"""The shop on a socket: a thread for each connection, HTTP/1.1."""

from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.apps.shop.app import App
from tests.apps.shop.exchange import Request, Response

COOKIE = "shop_session"
MOST_BODY_BYTES = 64 * 1024
IDLE_SECONDS = 60


class ShopServer(ThreadingHTTPServer):
    """Serves one `App`. Its threads are daemons: they end with the process, whatever their browsers still want."""

    def __init__(self, address: tuple[str, int], app: App) -> None:
        self.app = app
        super().__init__(address, Handler)

    @property
    def url(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}/"


class Handler(BaseHTTPRequestHandler):
    server: ShopServer
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._respond("GET", {})

    def do_HEAD(self) -> None:
        self._respond("GET", {})

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif int(length) > MOST_BODY_BYTES:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._respond("POST", _pairs(self.rfile.read(int(length)).decode(errors="replace")))

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Says nothing of requests that went well; errors are still logged."""

    def _respond(self, method: str, form: Mapping[str, str]) -> None:
        address = urlsplit(self.path)
        session_id = self._session_id()
        request = Request(
            method=method,
            path=address.path,
            target=self.path,
            query=_pairs(address.query),
            form=form,
            session_id=session_id,
            wants_json="application/json" in self.headers.get("Accept", ""),
        )
        self._send(self.server.app.respond(request), session_id)

    def _send(self, response: Response, session_id: str | None) -> None:
        self.send_response(response.status)
        self.send_header("Content-Type", response.content_type)
        self.send_header("Content-Length", str(len(response.body)))
        self.send_header("Cache-Control", "max-age=300" if response.cacheable else "no-store")
        if response.location:
            self.send_header("Location", response.location)
        if response.session_id and response.session_id != session_id:
            self.send_header("Set-Cookie", f"{COOKIE}={response.session_id}; Path=/; HttpOnly; SameSite=Lax")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def _session_id(self) -> str | None:
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get(COOKIE)
        except CookieError:
            return None
        return cookie.value if cookie else None


def _pairs(encoded: str) -> dict[str, str]:
    return dict(parse_qsl(encoded, keep_blank_values=True))
