"""Models that nobody calls."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from agent_runtime_server.domain.task import Failure
from agent_runtime_server.ports import Availability, Meter, ModelLimits


class IdleAccess:
    """A ``ports.ModelAccess`` that leads nowhere."""

    def __init__(self, model: str) -> None:
        self.base_url = "http://127.0.0.1:9/v1"
        self.token = secrets.token_urlsafe(16)
        self.wire = "openai"
        self.model = model
        self.limits = ModelLimits(100_000, 8000)
        self.meter: Meter | None = None
        self.failure: Failure | None = None


class IdleModels:
    """Implements ``ports.Models`` for models whose provider is "scripted"."""

    def __init__(self, default_model: str = "", priced: Collection[str] = ()) -> None:
        """``priced`` are the models that a budget in money can be kept for."""
        self.default_model = default_model
        self._priced = priced

    def availability(self, model: str) -> Availability:
        """Whether it is one of the scripted provider's."""
        provider, _, name = model.partition("/")
        if provider == "scripted" and name:
            return Availability(True)
        return Availability(False, message=f"{model!r} is not a model of provider scripted")

    def has_price(self, model: str) -> bool:
        """Whether it was said to have one."""
        return model in self._priced

    @asynccontextmanager
    async def open(self, model: str) -> AsyncIterator[IdleAccess]:
        """Access that leads nowhere. Raises ValueError for a model that is not available."""
        if not (state := self.availability(model)).available:
            raise ValueError(state.message)
        yield IdleAccess(model.partition("/")[2])
