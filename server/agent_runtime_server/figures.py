"""The figures of a running server under the names that a scrape finds them by."""

from __future__ import annotations

from agent_runtime_server.domain.task import Status
from agent_runtime_server.domain.usage import NANOS
from agent_runtime_server.measure import Distribution, Figures, Histogram, Labels, Metric
from agent_runtime_server.orchestrator.tally import Tally
from agent_runtime_server.orchestrator.watch import Watches
from agent_runtime_server.ports import Dispatcher, DispatcherStatistics, Store, StoreStatistics
from agent_runtime_server.rpc.counting import CallCounts, MethodCounts

_CALL = ("grpc_type", "grpc_service", "grpc_method")


class ServerFigures:
    """Gathers the figures of a server's components when it is called."""

    def __init__(
        self,
        version: str,
        calls: CallCounts,
        store: Store,
        dispatcher: Dispatcher,
        watches: Watches,
        tally: Tally,
    ) -> None:
        self._version = version
        self._calls = calls
        self._store = store
        self._dispatcher = dispatcher
        self._watches = watches
        self._tally = tally

    async def __call__(self) -> Figures:
        """All figures, as of now."""
        info = Metric("agent_runtime_info", "This server.", "gauge", ("version",), {(self._version,): 1})
        return [
            info,
            *_of_calls(self._calls),
            *_of_store(await self._store.statistics()),
            *_of_dispatcher(self._dispatcher.statistics()),
            Metric("agent_runtime_watchers", "Open watches.", "gauge", (), {(): self._watches.open}),
            *_of_tally(self._tally),
        ]


def _of_calls(calls: CallCounts) -> Figures:
    """As go-grpc-prometheus names them, so that dashboards made for it fit."""

    def labels(counts: MethodCounts) -> tuple[str, ...]:
        return (counts.kind, counts.service, counts.method)

    methods = {labels(counts): counts for counts in calls.methods}
    handled = {
        (*key, code): number for key, counts in methods.items() for code, number in tuple(counts.handled.items())
    }
    started = {key: counts.started for key, counts in methods.items()}
    received = {key: counts.received for key, counts in methods.items()}
    sent = {key: counts.sent for key, counts in methods.items()}
    seconds = {key: counts.seconds for key, counts in methods.items()}
    return [
        Metric("grpc_server_started", "RPCs started on the server.", "counter", _CALL, started),
        Metric(
            "grpc_server_handled", "RPCs completed on the server, however.", "counter", (*_CALL, "grpc_code"), handled
        ),
        Metric("grpc_server_msg_received", "Messages of streams and calls received.", "counter", _CALL, received),
        Metric("grpc_server_msg_sent", "Messages of streams and calls sent.", "counter", _CALL, sent),
        Histogram("grpc_server_handling_seconds", "Time until RPCs were completed.", _CALL, seconds),
    ]


def _of_store(statistics: StoreStatistics) -> Figures:
    tasks: dict[Labels, float] = {(status.value,): statistics.tasks.get(status, 0) for status in Status}
    commits: dict[Labels, Distribution] = {(): statistics.commit_seconds}
    return [
        Metric("agent_runtime_tasks", "Tasks that are kept, by status.", "gauge", ("status",), tasks),
        Metric("agent_runtime_events", "Events appended to logs of tasks.", "counter", (), {(): statistics.events}),
        Histogram("agent_runtime_commit_seconds", "Time of the store's transactions, flush included.", (), commits),
    ]


def _of_dispatcher(statistics: DispatcherStatistics) -> Figures:
    return [
        Metric("agent_runtime_queue_depth", "Tasks that wait for their start.", "gauge", (), {(): statistics.queued}),
        Metric("agent_runtime_slots", "Tasks that may run at once.", "gauge", (), {(): statistics.slots}),
        Metric("agent_runtime_slots_used", "Tasks that run.", "gauge", (), {(): statistics.running}),
    ]


def _of_tally(tally: Tally) -> Figures:
    runs: dict[Labels, Distribution] = {
        (kind.value, outcome.value): taken for (kind, outcome), taken in tally.runs.items()
    }
    calls: dict[Labels, float] = {}
    tokens: dict[Labels, float] = {}
    cost: dict[Labels, float] = {}
    for used in tally.usage.models:
        calls[used.model,] = used.requests
        tokens[used.model, "input"] = used.input_tokens
        tokens[used.model, "output"] = used.output_tokens
        if used.cost is not None:
            cost[used.model,] = used.cost / NANOS
    return [
        Histogram(
            "agent_runtime_task_run_seconds",
            "From the first start of tasks to their end.",
            ("task_type", "status"),
            runs,
        ),
        Metric("agent_runtime_model_calls", "Calls of language models.", "counter", ("model",), calls),
        Metric("agent_runtime_model_tokens", "Tokens of those calls.", "counter", ("model", "kind"), tokens),
        Metric("agent_runtime_model_cost_dollars", "What they cost, where that is known.", "counter", ("model",), cost),
    ]
