"""Providers that are silent, broken, busy or refuse: what is tried again, what is given up, what passes through."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from agent_runtime_server.adapters.gateway import GatewayLimits
from agent_runtime_server.adapters.gateway.upstream import MAX_UNREACHABLE
from agent_runtime_server.domain.task import FailureReason
from tests.unit.gateway.house import NEVER, SHORT, Agent, Watch, agent_of, gateway, raw_server, scripted

both = pytest.mark.parametrize("wire", ["openai", "anthropic"])
BRIEF = GatewayLimits(idle_seconds=60, call_seconds=2, backoff_seconds=0.01)


def given_up(agent: Agent, *words: str) -> None:
    failure = agent.access.failure
    assert failure is not None
    assert (failure.reason, failure.retryable) == (FailureReason.MODEL_PROVIDER, True)
    for word in words:
        assert word in failure.message


@both
@pytest.mark.parametrize("stream", [False, True])
async def test_silence_before_an_answer(wire: str, stream: bool) -> None:
    watch = Watch()
    async with scripted([{"hang_before": NEVER}], wire, watch=watch, limits=SHORT) as (agent, model):
        answer = await agent.ask(stream=stream)
        assert answer.status_code == 403, "a client would try again after other errors"
        given_up(agent, "silence for 1 seconds")
        await model.until(lambda: model.requests[0].end == "left")
        assert len(model.requests) == 1
    (used,) = watch.told
    assert (used.input_tokens, used.output_tokens, used.requests) == (0, 0, 1)


@both
@pytest.mark.parametrize("stream", [False, True])
async def test_silence_in_an_answer(wire: str, stream: bool) -> None:
    watch = Watch()
    async with scripted([{"hang": NEVER}], wire, watch=watch, limits=SHORT) as (agent, model):
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(stream=stream)
        given_up(agent, "broke off", "silence for 1 seconds")
        await model.until(lambda: model.requests[0].end == "left")
    assert watch.told[0].input_tokens > 10


async def test_an_answer_without_an_end() -> None:
    watch, limits = Watch(), replace(BRIEF, call_seconds=5)
    async with scripted([{"text": "word " * 10_000, "slow": 0.02}], watch=watch, limits=limits) as (agent, model):
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(stream=True)
        given_up(agent, "did not complete an answer in 5 seconds")
        await model.until(lambda: model.requests[0].end == "left")


@both
async def test_errors_without_an_end(wire: str) -> None:
    watch = Watch()
    error = {"error": {"status": 500, "message": "out of order"}}
    async with scripted([error], wire, watch=watch, limits=BRIEF) as (agent, model):
        assert (await agent.ask()).status_code == 403
        given_up(agent, "answers 500: out of order")
        assert len(model.requests) > 1
    (used,) = watch.told
    assert (used.input_tokens, used.cost) == (0, 0)


@both
@pytest.mark.parametrize("status", [500, 529, 429, 408])
async def test_errors_that_pass(wire: str, status: int) -> None:
    watch = Watch()
    steps = [{"text": "hello", "error": {"status": status, "times": 2}, "usage": {"input": 7, "output": 2}}]
    async with scripted(steps, wire, watch=watch) as (agent, model):
        answer = await agent.ask(stream=True)
        assert (answer.status_code, "hello" in answer.text) == (200, True)
        assert len(model.requests) == 3
        assert agent.access.failure is None
    assert [used.input_tokens for used in watch.told] == [7]


async def test_retry_after_is_honoured() -> None:
    limits = GatewayLimits(idle_seconds=60, call_seconds=30, backoff_seconds=0.001)
    busy = {"status": 429, "message": "slow down", "headers": {"Retry-After": "60"}}
    async with scripted([{"error": busy}], limits=limits) as (agent, model):
        assert (await agent.ask()).status_code == 403
        given_up(agent, "answers 429: slow down", "(tries: 1)")
        assert len(model.requests) == 1, "the next try would come too late"


async def test_a_short_retry_after_replaces_the_backoff() -> None:
    limits = GatewayLimits(idle_seconds=60, call_seconds=50, backoff_seconds=1000)
    busy = {"status": 429, "times": 2, "headers": {"retry-after": "0.05"}}
    async with scripted([{"text": "hello", "error": busy}], limits=limits) as (agent, model):
        assert (await agent.ask()).status_code == 200
        assert len(model.requests) == 3


@both
@pytest.mark.parametrize(("status", "text"), [(401, "bad key"), (403, "not in your country"), (404, "no such model")])
async def test_refusals_pass_through(wire: str, status: int, text: str) -> None:
    watch = Watch()
    error = {"error": {"status": status, "message": text, "times": 1}, "text": "hello"}
    async with scripted([error], wire, watch=watch) as (agent, model):
        answer = await agent.ask(stream=True)
        assert (answer.status_code, answer.json()["error"]["message"]) == (status, text)
        assert "gateway" not in answer.text
        assert len(model.requests) == 1
        failure = agent.access.failure
        assert failure is not None
        assert (failure.reason, failure.retryable) == (FailureReason.MODEL_PROVIDER, False)
        assert f"answers {status}: {text}" in failure.message
        assert (await agent.ask()).status_code == 200
        assert agent.access.failure is None, "the last call worked"
    assert watch.told[0].input_tokens == 0


@both
@pytest.mark.parametrize("status", [400, 413, 422])
async def test_a_conversation_that_is_too_long_is_the_agents_to_shorten(wire: str, status: int) -> None:
    text = "maximum context length is 128000 tokens"
    async with scripted([{"error": {"status": status, "message": text}}], wire) as (agent, model):
        answer = await agent.ask(stream=True)
        assert (answer.status_code, answer.json()["error"]["message"]) == (status, text)
        assert agent.access.failure is None
        assert len(model.requests) == 1


async def test_no_credit_is_no_reason_to_wait() -> None:
    error = {"error": {"status": 429, "message": "insufficient_quota: look at your plan"}}
    async with scripted([error]) as (agent, model):
        assert (await agent.ask()).status_code == 403
        assert agent.access.failure is not None
        assert not agent.access.failure.retryable
        assert len(model.requests) == 1


async def test_a_provider_that_hangs_up() -> None:
    tries = 0

    async def answer(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1

    async with raw_server(answer) as url, gateway(url) as models, agent_of(models, Watch()) as agent:
        assert (await agent.ask()).status_code == 403
        given_up(agent, "cannot be reached", f"(tries: {MAX_UNREACHABLE})")
    assert tries == MAX_UNREACHABLE


async def test_a_provider_that_is_not_there() -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    async with gateway(f"http://127.0.0.1:{port}/v1") as models, agent_of(models, Watch()) as agent:
        assert (await agent.ask()).status_code == 403
        given_up(agent, "cannot be reached: ConnectError")


async def test_an_error_without_an_end_is_cut() -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n")
        writer.write(b"x" * 300_000)

    async with raw_server(answer) as url, gateway(url) as models, agent_of(models, Watch()) as agent:
        answered = await agent.ask()
    assert (answered.status_code, answered.headers["content-type"]) == (400, "text/plain")
    assert len(answered.content) == 64 * 1024
