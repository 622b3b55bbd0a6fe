"""What every gateway to models does for those who use it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from agent_runtime_server.adapters.gateway import ModelGateway
from agent_runtime_server.domain.usage import Price
from agent_runtime_server.ports import Models
from agent_runtime_server.testing.models import IdleModels

MODEL = "scripted/a-model"


@pytest.fixture(params=["gateway", "idle"])
async def models(request: pytest.FixtureRequest) -> AsyncIterator[Models]:
    if request.param == "idle":
        yield IdleModels(MODEL, priced=(MODEL,))
        return
    gateway = ModelGateway({}, default_model=MODEL, base_url="http://127.0.0.1:9/v1", price=Price(1, 1, 1, 1))
    yield gateway
    await gateway.aclose()


def test_the_default_model(models: Models) -> None:
    assert models.default_model == MODEL
    assert models.availability(MODEL).available
    assert models.availability("scripted/another").available


@pytest.mark.parametrize("model", ["", "scripted", "scripted/", "/a-model", "unknown/a-model"])
async def test_a_model_that_is_not_there(models: Models, model: str) -> None:
    state = models.availability(model)
    assert not state.available
    assert state.message
    with pytest.raises(ValueError, match=r"model|provider") as refused:
        async with models.open(model):
            pass
    assert str(refused.value) == state.message


def test_what_has_a_price(models: Models) -> None:
    assert models.has_price(MODEL)
    assert not models.has_price("scripted/another")
    assert not models.has_price("unknown/a-model")


async def test_accesses_are_each_their_own(models: Models) -> None:
    async with models.open(MODEL) as one, models.open("scripted/maker/another") as other:
        assert one.token != other.token
        assert (one.model, other.model) == ("a-model", "maker/another")
        assert one.wire in ("openai", "anthropic")
        assert one.base_url.startswith("http://127.0.0.1:")
        assert one.limits.context_tokens > one.limits.output_tokens > 0
        assert one.meter is None
        assert one.failure is None
        assert len(one.token) >= 20


async def test_a_token_is_not_told_by_accident(models: Models) -> None:
    async with models.open(MODEL) as access:
        assert access.token not in repr(access)
        assert access.token not in access.base_url
