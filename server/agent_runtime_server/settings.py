"""Settings: defaults < TOML file < environment < flags. Frozen once read."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

NO_HTTP = "none"
"""``http_address`` of a server without an HTTP door."""
_PREFIX = "AGENT_RUNTIME_"
_HTTP_HOST, _HTTP_PORT = "127.0.0.1", "5001"
_ORIGIN = re.compile(r"\*|[a-z][a-z0-9+.-]*://[^/\s]+|null", re.IGNORECASE)
_BARE_NAMES = {
    "workspace_root": ("WORKSPACE_ROOT", "SESSION_ROOT"),
    "opencode_path": ("OPENCODE_PATH",),
    "opencode_config_path": ("OPENCODE_CONFIG_PATH",),
    "opencode_prompts_path": ("OPENCODE_PROMPTS_PATH",),
    "cors_origins": ("CORS_ORIGINS",),
}
"""Names of the service that this one replaces; a prefixed name wins over them. So are ``HOST`` and ``PORT``, of HTTP,
and ``DEBUG``."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a server runs. Each is ``AGENT_RUNTIME_<NAME>`` in the environment and ``<name>`` in the TOML file."""

    grpc_address: str = "127.0.0.1:50051"
    """Where gRPC listens: ``host:port`` (port 0 takes a free one), or ``unix:path``."""
    http_address: str = f"{_HTTP_HOST}:{_HTTP_PORT}"
    """Where HTTP listens: ``host:port`` (port 0 takes a free one); ``none`` for a server without it."""
    cors_origins: str = "*"
    """Whose web pages may call over HTTP: origins with commas between them, which may send credentials, or ``*`` for
    all, which may not."""
    environment: str = "development"
    """What the server is for, in words of its owner; it is told to who asks for the configuration."""
    insecure: bool = False
    """Allow an address that other machines reach, though nobody has to say who they are."""
    workspace_root: str = "./workspaces"
    """Folder of the sessions' workspaces."""
    state_dir: str = "./.agent-runtime"
    """Folder of the database, the key, the lock and the artifacts' bytes."""
    toolchain_dir: str = "./.toolchain"
    """Folder with Playwright Test and its helpers."""
    default_driver: str = ""
    """Driver of tasks that name none; empty: ``opencode`` if ``model`` is set, else ``explorer``."""
    model: str = ""
    """``provider/model`` of tasks that name none, such as ``anthropic/claude-sonnet-4-5``. The provider's key is in its
    usual variable (``ANTHROPIC_API_KEY``, ``OPENAI_API_KEY``, ...)."""
    model_base_url: str = ""
    """Where ``model`` is served instead of at its provider: any OpenAI-compatible address (Ollama, vLLM, LiteLLM)."""
    model_price: str = ""
    """What ``model`` costs, for budgets in money: USD a million tokens of input, output and, if they differ from input,
    cache reads and cache writes, such as ``3,15,0.3,3.75``."""
    model_context_tokens: int = 128_000
    model_output_tokens: int = 8192
    model_idle_seconds: float = 60.0
    """A model that sends nothing for so long is given up."""
    model_call_seconds: float = 600.0
    """Longest call of a model, retries included."""
    max_turns: int = 100
    """Most calls of a model in a phase, unless a task asks for another number."""
    agent_start_seconds: float = 30.0
    """How long an agent's process may take to start; it is tried twice."""
    agent_silence_seconds: float = 180.0
    """An agent that does nothing for so long is stopped."""
    agent_tool_seconds: float = 300.0
    """Longest call of a tool by an agent."""
    agent_call_seconds: float = 15.0
    """How long an agent's process may take to answer the server."""
    agent_model_retries: int = 3
    """When an agent itself tries a call of its model again for this time, the call is given up."""
    answer_timeout_seconds: float = 3600.0
    """How long a question waits for a person, unless its task says otherwise."""
    sandbox: str = "auto"
    """What contains agents: ``auto`` takes bubblewrap where it works; ``bubblewrap`` refuses to go without it."""
    opencode_path: str = ""
    """The OpenCode program; empty: the one that bin/bootstrap got."""
    opencode_config_path: str = ""
    """Configuration of agents to use instead of ``config/opencode.json``."""
    opencode_prompts_path: str = ""
    """Folder of prompts to use instead of ``config/prompts``."""
    slots: int = 0
    """Tasks at once; 0: one for each core and 2 GiB of memory."""
    max_queue: int = 10_000
    """Tasks that may wait."""
    max_watchers: int = 20_000
    queue_timeout_seconds: float = 24 * 3600.0
    """Longest wait of a task for its start, unless it asks for another; ``run`` and ``total`` likewise."""
    run_timeout_seconds: float = 2 * 3600.0
    """Longest attempt."""
    total_timeout_seconds: float = 48 * 3600.0
    """Longest time from a task's creation to its end."""
    max_attempts: int = 3
    """Attempts at a task when the machinery fails, unless it asks for another number."""
    retry_backoff_seconds: float = 5.0
    """Wait before the second attempt; it doubles with each more."""
    max_retry_backoff_seconds: float = 300.0
    driver_silence_seconds: float = 180.0
    """A driver that says nothing for so long is killed; the attempt counts as failed."""
    runner_silence_seconds: float = 600.0
    """The same for Playwright Test."""
    cancel_grace_seconds: float = 10.0
    """How long a task that is stopped gracefully may take."""
    task_retention_days: float = 30.0
    """How long a task is kept after its end, unless it asks for another ``ttl``; 0 is for ever, here and below."""
    event_retention_days: float = 14.0
    """How long its events are kept; readers are told of the gap."""
    artifact_retention_days: float = 14.0
    """How long videos, traces and reports are kept."""
    session_retention_days: float = 30.0
    """How long a session is kept after its last use."""
    retention_interval_seconds: float = 600.0
    """How often it is looked for what may go."""
    min_free_bytes: int = 256 * 1024 * 1024
    """With less room on the disk running tasks fail, and nothing new is taken."""
    drain_grace_seconds: float = 30.0
    """How long running tasks may go on after SIGTERM before they are put back into the queue."""
    max_wait_seconds: float = 60.0
    """Longest WaitTask."""
    default_heartbeat_seconds: float = 15.0
    max_watch_age_seconds: float = 3600.0
    max_log_bytes: int = 256 * 1024 * 1024
    """Event log of one task; the oldest events beyond it are trimmed, and readers are told of the gap."""
    log_level: str = "info"


class BadSettings(Exception):
    """A setting cannot be used; the message names it and where it came from."""


def read_settings(
    flags: Mapping[str, Any], environment: Mapping[str, str] = os.environ, *, config: Path | None = None
) -> Settings:
    """The settings in force. ``flags`` that are None are left out. Raises BadSettings."""
    values: dict[str, Any] = {}
    if config is not None:
        try:
            values.update(tomllib.loads(config.read_text()))
        except (OSError, tomllib.TOMLDecodeError) as bad:
            raise BadSettings(f"{config}: {bad}") from bad
    values.update(_from_environment(environment))
    values.update({name: value for name, value in flags.items() if value is not None})
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as bad:
        raise BadSettings(f"settings: {bad}") from bad
    _check(settings)
    return settings


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    values = {}
    for name in Settings.__struct_fields__:
        for variable in (_PREFIX + name.upper(), *_BARE_NAMES.get(name, ())):
            if environment.get(variable):
                values[name] = environment[variable]
                break
    if "http_address" not in values and (environment.get("HOST") or environment.get("PORT")):
        host, port = environment.get("HOST") or _HTTP_HOST, environment.get("PORT") or _HTTP_PORT
        values["http_address"] = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if "log_level" not in values and environment.get("DEBUG", "").lower() in {"1", "true", "yes", "on"}:
        values["log_level"] = "debug"
    return values


_YEAR = 31_557_600
_DAYS = (0, 36_500)
_BOUNDS: dict[str, tuple[float, float]] = {
    "slots": (0, 1000),
    "max_queue": (1, 10**9),
    "max_watchers": (1, 10**9),
    "queue_timeout_seconds": (0.001, _YEAR),
    "run_timeout_seconds": (0.001, _YEAR),
    "total_timeout_seconds": (0.001, _YEAR),
    "max_attempts": (1, 10),
    "retry_backoff_seconds": (0, 86_400),
    "max_retry_backoff_seconds": (0, 86_400),
    "driver_silence_seconds": (1, _YEAR),
    "runner_silence_seconds": (1, _YEAR),
    "model_context_tokens": (1000, 10**8),
    "model_output_tokens": (100, 10**7),
    "model_idle_seconds": (0.1, 3600),
    "model_call_seconds": (0.1, 86_400),
    "max_turns": (1, 1000),
    "agent_start_seconds": (0.1, 3600),
    "agent_silence_seconds": (0.1, 86_400),
    "agent_tool_seconds": (0.1, 86_400),
    "agent_call_seconds": (0.1, 3600),
    "agent_model_retries": (1, 1000),
    "answer_timeout_seconds": (0.1, 604_800),
    "cancel_grace_seconds": (0, 3600),
    "task_retention_days": _DAYS,
    "event_retention_days": _DAYS,
    "artifact_retention_days": _DAYS,
    "session_retention_days": _DAYS,
    "retention_interval_seconds": (0.05, _YEAR),
    "min_free_bytes": (0, 2**62),
    "drain_grace_seconds": (0, _YEAR),
    "max_wait_seconds": (1, _YEAR),
    "default_heartbeat_seconds": (1, _YEAR),
    "max_watch_age_seconds": (1, _YEAR),
    "max_log_bytes": (1024 * 1024, 2**62),
}


def _check(settings: Settings) -> None:
    for name, (least, most) in _BOUNDS.items():
        value = getattr(settings, name)
        if not least <= value <= most:  # nor is NaN
            raise BadSettings(f"settings: {name} is {value}, not between {least:g} and {most:g}")
    state, workspaces = Path(settings.state_dir).resolve(), Path(settings.workspace_root).resolve()
    if state.is_relative_to(workspaces) or workspaces.is_relative_to(state):
        raise BadSettings(
            f"settings: of state_dir {settings.state_dir} and workspace_root {settings.workspace_root} one lies in the "
            "other: sessions must not reach the server's own files"
        )
    host, _, port = settings.http_address.rpartition(":")
    if settings.http_address != NO_HTTP and not (host and port.isascii() and port.isdecimal() and int(port) < 65_536):
        raise BadSettings(f"settings: http_address {settings.http_address!r} is neither host:port nor {NO_HTTP}")
    for name in ("grpc_address", "http_address"):
        address = getattr(settings, name)
        if not settings.insecure and address != NO_HTTP and not _is_local(address):
            raise BadSettings(
                f"settings: {name} {address} can be reached from other machines, and there is no "
                "authentication: listen on 127.0.0.1, or set insecure on purpose"
            )
    for origin in settings.cors_origins.split(","):
        if not _ORIGIN.fullmatch(origin.strip()):
            raise BadSettings(f"settings: cors_origins: {origin.strip()!r} is no origin, such as http://localhost:3000")
    if settings.sandbox not in {"auto", "bubblewrap"}:
        raise BadSettings(f"settings: sandbox {settings.sandbox!r} is none of auto, bubblewrap")
    if settings.model and not all(settings.model.partition("/")):
        raise BadSettings(f"settings: model {settings.model!r} is not of the form provider/model")
    if settings.log_level not in {"debug", "info", "warning", "error"}:
        raise BadSettings(f"settings: log_level {settings.log_level!r} is none of debug, info, warning, error")


def _is_local(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    return address.startswith("unix:") or host in {"localhost", "::1"} or host.startswith("127.")
