"""The probes of the methods by their places on HTTP, and those of the other routes of that door."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from google.api import annotations_pb2

from agent_runtime.cli.output import as_dict
from agent_runtime.cli.probes import CONTENT, FILE, SECONDS, UNKNOWN, Finding, Probe

_VARIABLE = re.compile(r"\{([a-z_.]+)(?:=\*\*)?\}")
_STATUS = {"OK": 200, "NOT_FOUND": 404}
_UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


@dataclass(frozen=True, slots=True)
class HttpProbe:
    """A request, and what its answer has to be."""

    verb: str
    path: str
    statuses: tuple[int, ...] = (200,)
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    says: str = ""
    """Text that the answer must have: a route that is not there is 404, too."""
    note: str = ""


def probes_of_methods(probes: list[Probe], session_id: str) -> Iterator[HttpProbe]:
    """The same probes, by way of this door."""
    for probe in probes:
        if probe.method.client_streaming:
            path = f"/v1/sessions/{session_id}/files/{FILE}"
            yield HttpProbe("PUT", path, (200, 201), CONTENT, {"Content-Type": "application/octet-stream"})
            continue
        yield _of_method(probe)
    # What is offered on the same address by another protocol.
    yield HttpProbe("GET", "/v1/tasks:watch", (101,), headers=_UPGRADE, note="WebSocket")
    sse = {"Accept": "text/event-stream"}
    yield HttpProbe("GET", "/v1/tasks:watch?heartbeat_interval=1s", headers=sse, note="SSE")


def _of_method(probe: Probe) -> HttpProbe:
    rule = probe.method.GetOptions().Extensions[annotations_pb2.http]
    verb = rule.WhichOneof("pattern") or ""
    fields = as_dict(probe.requests[0])

    def taken(match: re.Match[str]) -> str:
        *parents, name = match[1].split(".")
        holder: dict[str, Any] = fields
        for parent in parents:
            holder = holder[parent]
        return quote(str(holder.pop(name)))

    path = _VARIABLE.sub(taken, getattr(rule, verb))
    body: bytes | None = None
    if rule.body == "*":
        body, fields = json.dumps(fields).encode(), {}
    elif rule.body:
        body = json.dumps(fields.pop(rule.body)).encode()
    query = {name: str(value).lower() if isinstance(value, bool) else value for name, value in fields.items()}
    if query:
        path = f"{path}?{urlencode(query, doseq=True)}"
    says = "" if probe.expected == "OK" else "TASK_NOT_FOUND"
    statuses = (_STATUS[probe.expected],)
    return HttpProbe(verb.upper(), path, statuses, body, {"Content-Type": "application/json"} if body else {}, says)


def probes_of_routes() -> Iterator[HttpProbe]:
    """The routes of the service that came before, and those that are for people and machines that look on."""
    missing = "Task not found"
    json_body = {"Content-Type": "application/json"}
    yield HttpProbe("GET", "/")
    yield HttpProbe("GET", "/", headers={"Accept": "text/html"}, note="web page")
    for path in ("/health", "/config", "/tasks"):
        yield HttpProbe("GET", path)
    yield HttpProbe("POST", "/tasks", (422,), b"{}", json_body)
    for rest in ("", "/logs", "/session/files"):
        yield HttpProbe("GET", f"/tasks/{UNKNOWN}{rest}", (404,), says=missing)
    yield HttpProbe("POST", f"/tasks/{UNKNOWN}/cancel", (404,), says=missing)
    yield HttpProbe("GET", f"/tasks/{UNKNOWN}/stream", (101, 403, 404), headers=_UPGRADE, note="WebSocket")
    for path in ("/docs", "/redoc", "/openapi.json", "/metrics"):
        yield HttpProbe("GET", path)


def over_http(base: str, probe: HttpProbe) -> Finding:
    """Carry out a probe at an address like ``http://host:port``."""
    begin = time.perf_counter()
    problem = ""
    try:
        status, body = _ask(base, probe)
        answer = str(status)
        if status not in probe.statuses:
            problem = f"expected {' or '.join(map(str, probe.statuses))}"
        elif probe.says not in body:
            problem = f"expected {probe.says!r} in the answer"
    except (OSError, HTTPException) as error:
        answer, problem = type(error).__name__, str(error)
    took = (time.perf_counter() - begin) * 1000
    call = f"{probe.verb} {probe.path}" + (f" ({probe.note})" if probe.note else "")
    return Finding("HTTP", call, answer, not problem, took, problem)


def _ask(base: str, probe: HttpProbe) -> tuple[int, str]:
    """Status and body of the answer."""
    place = urlsplit(base)
    kind = HTTPSConnection if place.scheme == "https" else HTTPConnection
    connection = kind(place.hostname or "", place.port, timeout=SECONDS)
    try:
        connection.request(probe.verb, place.path.rstrip("/") + probe.path, probe.body, dict(probe.headers))
        response = connection.getresponse()
        return response.status, _body(response)
    finally:
        connection.close()


def _body(response: HTTPResponse) -> str:
    """All of an answer that ends, of a stream the first line."""
    if response.status == HTTPStatus.SWITCHING_PROTOCOLS:
        return ""
    endless = response.getheader("Content-Type", "").startswith(("text/event-stream", "application/x-ndjson"))
    return (response.readline() if endless else response.read()).decode(errors="replace")
