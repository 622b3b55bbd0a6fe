"""Language models, behind a gateway of the server's own: agents never hold a provider's key."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from agent_runtime_server.domain.task import Failure
from agent_runtime_server.ports.work import Availability, Meter


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What is known of a model."""

    context_tokens: int
    output_tokens: int


class ModelAccess(Protocol):
    """One agent's way to one model."""

    base_url: str
    """``http://127.0.0.1:PORT/...``: OpenAI-compatible below ``/chat/completions``, Anthropic below ``/messages``."""
    token: str
    """Opens this access alone, as a bearer token or an ``x-api-key``; dies with it."""
    wire: str
    """The format that the provider speaks, and the agent must: "openai" or "anthropic"."""
    model: str
    """The model's name, without the provider."""
    limits: ModelLimits
    meter: Meter | None
    """Who watches the calls; without one every call is refused. Set anew for each phase."""

    @property
    def failure(self) -> Failure | None:
        """Why the last call was given up for good (MODEL_PROVIDER, BUDGET_EXCEEDED, ...); None after one that worked.
        An agent knows less: it sees an HTTP error."""
        ...


class Models(Protocol):
    """The gateway to the models."""

    default_model: str
    """"provider/model" that tasks get that name none; empty when none is set."""

    def availability(self, model: str) -> Availability:
        """Whether a model can be used: its provider is known and has a key; otherwise what to set."""
        ...

    def has_price(self, model: str) -> bool:
        """Whether a budget in money can be kept for it."""
        ...

    def open(self, model: str) -> AbstractAsyncContextManager[ModelAccess]:
        """Access to a model inside the block; its token opens nothing any more afterwards, and calls that are under way
        are cut off."""
        ...
