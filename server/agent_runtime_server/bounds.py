"""Settings as the bounds and defaults that the use cases take."""

from __future__ import annotations

from datetime import timedelta

from agent_runtime_server.adapters.gateway.gateway import GatewayLimits, price_of
from agent_runtime_server.adapters.opencode.watchdogs import Watchdogs
from agent_runtime_server.domain.task import RetryPolicy, Timeouts
from agent_runtime_server.domain.usage import Price
from agent_runtime_server.orchestrator.admission import Defaults
from agent_runtime_server.orchestrator.retention import Keeping
from agent_runtime_server.orchestrator.tasks import TaskLimits
from agent_runtime_server.orchestrator.watch import WatchLimits
from agent_runtime_server.settings import BadSettings, Settings

_BACKOFF_MULTIPLIER = 2.0


def defaults(settings: Settings) -> Defaults:
    """What tasks get that do not ask for anything else."""
    return Defaults(
        settings.default_driver or ("opencode" if settings.model else "explorer"),
        Timeouts(
            queue=timedelta(seconds=settings.queue_timeout_seconds),
            run=timedelta(seconds=settings.run_timeout_seconds),
            total=timedelta(seconds=settings.total_timeout_seconds),
        ),
        RetryPolicy(
            settings.max_attempts,
            timedelta(seconds=settings.retry_backoff_seconds),
            timedelta(seconds=settings.max_retry_backoff_seconds),
            _BACKOFF_MULTIPLIER,
        ),
        ttl=timedelta(days=settings.task_retention_days),
        answer_timeout=timedelta(seconds=settings.answer_timeout_seconds),
    )


def model_price(settings: Settings) -> Price | None:
    """What the default model costs, if anybody said so. Raises BadSettings."""
    try:
        return price_of(settings.model_price)
    except ValueError as bad:
        raise BadSettings(f"settings: {bad}") from bad


def gateway_limits(settings: Settings) -> GatewayLimits:
    """Bounds on calls of models."""
    return GatewayLimits(
        settings.model_idle_seconds,
        settings.model_call_seconds,
        settings.model_context_tokens,
        settings.model_output_tokens,
    )


def watchdogs(settings: Settings) -> Watchdogs:
    """Bounds on what agents do."""
    return Watchdogs(
        start_seconds=settings.agent_start_seconds,
        silence_seconds=settings.agent_silence_seconds,
        tool_seconds=settings.agent_tool_seconds,
        call_seconds=settings.agent_call_seconds,
        max_model_retries=settings.agent_model_retries,
        model_call_seconds=settings.model_call_seconds,
    )


def task_limits(settings: Settings) -> TaskLimits:
    """Bounds on tasks."""
    return TaskLimits(settings.max_queue, timedelta(seconds=settings.cancel_grace_seconds))


def watch_limits(settings: Settings) -> WatchLimits:
    """Bounds on watches."""
    return WatchLimits(
        default_heartbeat=timedelta(seconds=settings.default_heartbeat_seconds),
        max_age=timedelta(seconds=settings.max_watch_age_seconds),
        max_watchers=settings.max_watchers,
    )


def keeping(settings: Settings) -> Keeping:
    """How long what is kept."""
    return Keeping(
        events=timedelta(days=settings.event_retention_days),
        artifacts=timedelta(days=settings.artifact_retention_days),
        sessions=timedelta(days=settings.session_retention_days),
        every=timedelta(seconds=settings.retention_interval_seconds),
    )
