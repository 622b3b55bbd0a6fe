"""Who may call, how much at once, and what the gateway tells of it."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from agent_runtime_server.adapters.gateway import http_server
from agent_runtime_server.adapters.gateway.access import CALLS_AT_ONCE
from agent_runtime_server.domain.task import Failure, FailureReason
from agent_runtime_server.testing.scripted_model import ScriptedModel
from tests.unit.gateway.house import KEY, NEVER, PROVIDERS, SHORT, Agent, Json, Watch, agent_of, gateway, scripted

both = pytest.mark.parametrize("wire", ["openai", "anthropic"])


def message(wire: str, answer: httpx.Response) -> str:
    """Of an error in this format."""
    body: Json = answer.json()
    assert ("type" in body) == (wire == "anthropic")
    text: str = body["error"]["message"]
    return text


@both
async def test_a_meter_that_refuses(wire: str) -> None:
    refusal = Failure(FailureReason.BUDGET_EXCEEDED, "1000 tokens are used, and the budget is 1000")
    watch = Watch(refusal)
    async with scripted([{"text": "hello"}], wire, watch=watch) as (agent, model):
        answer = await agent.ask(stream=True)
    assert answer.status_code == 403
    assert not any(digit in message(wire, answer) for digit in "0123456789"), "numbers can look like a status"
    assert agent.access.failure is refusal
    assert not model.requests
    assert not watch.told


@both
async def test_without_a_meter(wire: str) -> None:
    async with scripted([{"text": "hello"}], wire) as (agent, model):
        agent.access.meter = None
        answer = await agent.ask()
        assert (answer.status_code, message(wire, answer)) == (403, "no phase of the task is under way")
        assert not model.requests


@both
@pytest.mark.parametrize("token", ["", "wrong", "é"])
async def test_a_wrong_token(wire: str, token: str) -> None:
    async with scripted([{"text": "hello"}], wire) as (agent, model):
        agent.headers = {name: token.encode() for name in agent.headers}  # type: ignore[misc]
        answer = await agent.ask()
        assert (answer.status_code, message(wire, answer)) == (401, "this access is closed")
        assert not model.requests


async def test_a_token_opens_its_own_access_only() -> None:
    async with (
        ScriptedModel({"it": [{"text": "hello"}]}) as model,
        gateway(model.base_url) as models,
        agent_of(models, Watch()) as agent,
    ):
        async with agent_of(models, Watch()) as other:
            assert (await other.ask()).status_code == 200
            own, other.headers = other.headers, agent.headers
            assert (await other.ask()).status_code == 401
        closed = await agent.client.post(other.url, json=agent.body(), headers=own)
        assert (closed.status_code, message("openai", closed)) == (401, "this access is closed")
        assert len(model.requests) == 1


@pytest.mark.parametrize("path", ["/models", "/embeddings", "/messages", "/chat/completions/more"])
async def test_other_calls(path: str) -> None:
    async with scripted([{"text": "hello"}]) as (agent, _):
        answer = await agent.client.post(agent.access.base_url + path, json=agent.body(), headers=agent.headers)
        assert answer.status_code == 404


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000, b'{"stream": [1'])
async def test_a_request_that_is_none(content: bytes) -> None:
    async with scripted([{"text": "hello"}]) as (agent, model):
        answer = await agent.client.post(agent.url, content=content, headers=agent.headers)
        assert answer.status_code == 400
        assert "cannot be read" in message("openai", answer)
        assert not model.requests


async def test_a_request_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "MAX_REQUEST_BYTES", 100_000)
    async with scripted([{"text": "hello"}]) as (agent, model):
        answer = await agent.ask(more="x" * 4_000_000)
        assert (answer.status_code, message("openai", answer)) == (413, "the request is too large")
        assert not model.requests
        assert (await agent.ask(more="x" * 90_000)).status_code == 200


@both
@pytest.mark.parametrize("hang", ["hang_before", "hang"])
async def test_closing_an_access_cuts_its_calls(wire: str, hang: str, caplog: pytest.LogCaptureFixture) -> None:
    watch = Watch()
    async with (
        ScriptedModel({"it": [{hang: NEVER}]}) as model,
        gateway(model.base_url, PROVIDERS[wire]) as models,
        httpx.AsyncClient(timeout=60, trust_env=False) as client,
    ):
        async with models.open(models.default_model) as access:
            access.meter = watch
            asking = asyncio.create_task(Agent(access, client).ask(stream=True))
            await model.until(lambda: bool(model.requests))
        assert len(watch.told) == 1, "told before the access is closed"
        answered = (await asyncio.gather(asking, return_exceptions=True))[0]
        if isinstance(answered, httpx.Response):
            assert answered.status_code == 401
        else:
            assert isinstance(answered, httpx.RemoteProtocolError)
        await model.until(lambda: model.requests[0].end == "left")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_gateway_ends_with_streams_open() -> None:
    watch = Watch()
    async with scripted([{"hang": NEVER}], watch=watch) as (agent, model):
        async with gateway(model.base_url) as models, agent_of(models, watch) as other:
            async with other.asking() as answer:
                asking = asyncio.create_task(other.ask())
                await model.until(lambda: len(model.requests) == 2)
                await asyncio.wait_for(models.aclose(), 60)
                with pytest.raises(httpx.RemoteProtocolError):
                    await answer.aread()
            assert (await asking).status_code == 401
            with pytest.raises(httpx.ConnectError):
                await other.ask()
            await models.aclose()
            async with agent_of(models, None) as again:
                assert (await again.ask()).status_code == 403, "it can be used anew"
        assert len(watch.told) == 2
        assert agent.access.failure is None


async def test_calls_beyond_a_number_wait() -> None:
    watch = Watch()
    async with scripted([{"text": "hello"}], watch=watch) as (agent, model):
        watch.allowed.clear()
        agent.client = httpx.AsyncClient(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=None))
        async with agent.client:
            asking = [asyncio.create_task(agent.ask()) for _ in range(CALLS_AT_ONCE + 3)]
            await watch.asked.wait()
            access = agent.access
            while len(access._calls) < CALLS_AT_ONCE + 3:
                await asyncio.sleep(0.01)
            assert access._slots.locked()
            assert not model.requests
            watch.allowed.set()
            answers = await asyncio.gather(*asking)
    assert {answer.status_code for answer in answers} == {200}
    assert len(watch.told) == CALLS_AT_ONCE + 3


async def test_a_meter_that_waits_for_a_person_is_not_hurried() -> None:
    watch = Watch()
    async with scripted([{"text": "hello"}], watch=watch, limits=SHORT) as (agent, _):
        watch.allowed.clear()
        asking = asyncio.create_task(agent.ask())
        await watch.asked.wait()
        done, _pending = await asyncio.wait({asking}, timeout=3 * SHORT.idle_seconds)
        assert not done
        watch.allowed.set()
        assert (await asking).status_code == 200


async def test_an_agent_that_leaves_while_a_person_is_asked() -> None:
    watch = Watch()
    async with scripted([{"text": "hello"}], watch=watch) as (agent, model):
        watch.allowed.clear()
        asking = asyncio.create_task(agent.ask())
        await watch.asked.wait()
        asking.cancel()
        while agent.access._calls:
            await asyncio.sleep(0.01)
        assert not model.requests


class Broken(Watch):
    async def admit(self) -> Failure | None:
        raise RuntimeError("a mistake")


async def test_a_mistake_of_our_own_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with scripted([{"text": "hello"}], watch=Broken()) as (agent, _):
        answer = await agent.ask()
    assert (answer.status_code, message("openai", answer)) == (500, "the gateway failed")
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.message == "a model call failed inside the gateway"


@both
async def test_the_key_is_told_nobody(wire: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = {"error": {"status": 401, "message": f"Incorrect API key provided: {KEY}"}}
    async with scripted([echo], wire) as (agent, model):
        answer = await agent.ask()
        assert answer.status_code == 401
        assert "Incorrect API key provided: ..." in message(wire, answer)
        assert "Incorrect API key provided: ..." in str(agent.access.failure)
        assert KEY in str(model.requests[0].headers)
        said = [
            answer.text,
            str(answer.headers),
            repr(agent.access),
            str(agent.access.failure),
            repr(vars(agent.access)),
        ]
    assert not any(KEY in text for text in (*said, caplog.text))
