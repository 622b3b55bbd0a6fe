"""A stand-in for OpenCode's process: speaks its HTTP as a script says, so that rare troubles can be had at will."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_runtime_server.domain.task import Failure
from agent_runtime_server.testing.models import IdleAccess

SESSION = "ses_1"
TOKEN = "token-of-the-gateway-9f8e7d"

PROGRAM = """
import base64, json, os, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

script = json.load(open(sys.argv[1]))
password = os.environ["OPENCODE_SERVER_PASSWORD"]
right = "Basic " + base64.b64encode(f"opencode:{password}".encode()).decode()
streams = iter(script["streams"])
prompted, answered = threading.Event(), threading.Event()

with open("starts", "a") as file:
    file.write(f"{os.getpid()} {' '.join(sys.argv[2:])}\\n")

def fill(value):
    return json.loads(json.dumps(value).replace("$PASSWORD", password))

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def say(self, status, value):
        data = json.dumps(fill(value)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.headers.get("Authorization") != right:
            return self.say(401, "who are you? " + password)
        if self.path == "/event":
            return self.stream()
        if self.path in script["silent"]:
            time.sleep(600)
        self.say(200, script["answers"].get(self.path, {}))

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"null")
        with open("posts", "a") as file:
            file.write(json.dumps([self.path, body]) + "\\n")
        if self.path in script["silent"]:
            time.sleep(600)
        if self.path.endswith("prompt_async"):
            prompted.set()
        if self.path.endswith(("/reply", "/abort")):
            answered.set()
        if self.path in script["missing"]:
            return self.say(404, {"name": "NotFoundError"})
        if self.path in script["broken"]:
            return self.say(500, "broken " + password)
        self.say(200, script["answers"].get(self.path, True))

    def stream(self):
        self.close_connection = True
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for event in next(streams, [{"type": "server.connected"}, {"pause": 600}]):
            if "pause" in event:
                time.sleep(event["pause"])
            elif "until" in event:
                while not os.path.exists(event["until"]):
                    time.sleep(0.02)
            elif "write" in event:
                os.makedirs(os.path.dirname(event["write"]), exist_ok=True)
                with open(event["write"], "w") as file:
                    file.write(event["text"])
            elif "run" in event:
                child = subprocess.Popen([sys.executable, "-c", event["run"]], stdout=subprocess.PIPE, text=True)
                with open("ran", "w") as file:
                    file.write(child.stdout.readline())
            elif "raw" in event:
                self.wfile.write(event["raw"].encode())
            elif "die" in event:
                os._exit(event["die"])
            else:
                self.wfile.write(f"data: {json.dumps(fill(event))}\\n\\n".encode())
            self.wfile.flush()
            if event.get("type") == "server.connected":
                prompted.wait(60)
            if event.get("type") in ("permission.asked", "question.asked") and "go_on" not in event:
                answered.wait(60)

print("a warning with", password, file=sys.stderr, flush=True)
if script["start"] == "silent":
    time.sleep(600)
if script["start"] == "die":
    sys.exit(7)
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
print(f"opencode server listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""

Json = dict[str, Any]
CONNECTED: Json = {"type": "server.connected", "properties": {}}
IDLE: Json = {"type": "session.idle", "properties": {"sessionID": SESSION}}


@dataclass
class StandIn:
    """What the stand-in does; ``streams`` are the events of one connection after the other.

    Some are none but things to do: ``pause`` for seconds, go on when there is a file (``until``), ``write`` a ``text``
    to a path, ``run`` a Python program (the first line that it prints is in the file ``ran``), ``die`` with an exit
    code, send ``raw`` text.
    """

    cwd: Path
    streams: list[list[Json]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    silent: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    start: str = "well"
    env: dict[str, str] = field(default_factory=dict)

    @property
    def argv(self) -> list[str]:
        script = {
            "streams": self.streams,
            "answers": {
                "/global/health": {"healthy": True, "version": "1.18.33"},
                "/session": {"id": SESSION, "directory": "/workspace"},
                f"/session/{SESSION}/message": [],
                "/permission": [],
                "/question": [],
                **self.answers,
            },
            "silent": self.silent,
            "broken": self.broken,
            "missing": self.missing,
            "start": self.start,
        }
        file = self.cwd / "script.json"
        file.write_text(json.dumps(script))
        return [sys.executable, "-c", PROGRAM, str(file)]

    @property
    def posts(self) -> list[list[Any]]:
        return [json.loads(line) for line in (self.cwd / "posts").read_text().splitlines()]

    @property
    def starts(self) -> list[str]:
        return (self.cwd / "starts").read_text().splitlines()


class Access(IdleAccess):
    """Access with a token that is known."""

    def __init__(self, failure: Failure | None = None) -> None:
        super().__init__("model")
        self.token = TOKEN
        self.failure = failure


def message(message_id: str, role: str = "assistant", **more: Any) -> Json:
    """That a message is there."""
    info = {"id": message_id, "sessionID": SESSION, "role": role, **more}
    return {"type": "message.updated", "properties": {"sessionID": SESSION, "info": info}}


def part(part_id: str, message_id: str, kind: str, **more: Any) -> Json:
    """A part of a message as it stands."""
    inner = {"id": part_id, "messageID": message_id, "sessionID": SESSION, "type": kind, **more}
    return {"type": "message.part.updated", "properties": {"sessionID": SESSION, "part": inner}}


def delta(part_id: str, message_id: str, text: str) -> Json:
    """A piece of a text."""
    what = {"sessionID": SESSION, "messageID": message_id, "partID": part_id, "field": "text", "delta": text}
    return {"type": "message.part.delta", "properties": what}


def tool(part_id: str, message_id: str, name: str, status: str, **state: Any) -> Json:
    """How a tool call stands."""
    return part(part_id, message_id, "tool", tool=name, callID=f"call_{part_id}", state={"status": status, **state})


def conversation(*events: Json) -> list[Json]:
    """The messages that such events are about, as the whole conversation."""
    messages: dict[str, Json] = {}
    parts: dict[str, dict[str, Json]] = {}
    for event in events:
        what = event["properties"]
        if event["type"] == "message.updated":
            messages[what["info"]["id"]] = what["info"]
        elif event["type"] == "message.part.updated":
            parts.setdefault(what["part"]["messageID"], {})[what["part"]["id"]] = what["part"]
    return [{"info": info, "parts": list(parts.get(name, {}).values())} for name, info in messages.items()]
