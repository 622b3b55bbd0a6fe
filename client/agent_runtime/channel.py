"""Channels: where a server is, and how the connection to it behaves."""

from __future__ import annotations

import json
import re

import grpc.aio

DEFAULT_ADDRESS = "127.0.0.1:50051"
"""Where a server listens unless it is told otherwise."""

_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_HOST_AND_PORT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]]+):(?P<port>\d{1,5})")

_SERVICES = ("agent_runtime.v1.AgentRuntime", "agent_runtime.v1.SessionService", "grpc.health.v1.Health")
_STREAMS = (
    (_SERVICES[0], "WatchTask"),
    (_SERVICES[0], "WatchTasks"),
    (_SERVICES[0], "ReadArtifact"),
    (_SERVICES[1], "ReadSessionFile"),
    (_SERVICES[1], "WriteSessionFile"),
    (_SERVICES[1], "ArchiveSession"),
)
_RETRY = {
    "maxAttempts": 4,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_SERVICE_CONFIG = {
    "methodConfig": [
        {"name": [{"service": service} for service in _SERVICES], "retryPolicy": _RETRY},
        # Streams are resumed or begun anew by their readers and writers, at a pace of their own.
        {"name": [{"service": service, "method": method} for service, method in _STREAMS]},
    ]
}
_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 5_000),
    # Two clients of one process must not share a broken connection and its back-off.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
)


def parse_address(address: str) -> str:
    """The gRPC target of an address: ``host:port``, ``[ipv6]:port`` or ``unix:path``. ValueError says what is wrong."""
    if address.startswith("unix:"):
        if address == "unix:":
            raise ValueError("address 'unix:' has no path")
        return address
    match = _HOST_AND_PORT.fullmatch(address)
    if match is None:
        raise ValueError(f"address {address!r} is not host:port, [ipv6]:port or unix:path")
    if not 1 <= int(match["port"]) <= 65535:
        raise ValueError(f"address {address!r} has a port outside 1 to 65535")
    return f"dns:///{address}"


def open_channel(address: str) -> grpc.aio.Channel:
    """A channel to a server, which connects when it is first used. ValueError for a bad address."""
    return grpc.aio.insecure_channel(parse_address(address), options=_OPTIONS)
