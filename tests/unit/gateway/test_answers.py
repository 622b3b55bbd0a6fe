"""Answers pass unchanged through the gateway, and what they used is counted."""

from __future__ import annotations

import asyncio
import hashlib
import re
from pathlib import Path

import httpx
import pytest

from agent_runtime_server.domain.usage import ModelUsage
from tests.unit.gateway.house import KEY, NEVER, PROVIDERS, Watch, agent_of, gateway, raw_server, scripted

WIRE = Path(__file__).with_name("wire")
both = pytest.mark.parametrize("wire", ["openai", "anthropic"])

RICH = {
    "text": "two words ✓",
    "reasoning": "I think so",
    "calls": [{"tool": "read", "args": {"path": "é" * 100}}],
    "usage": {"input": 100, "output": 20, "cached": 30, "cache_write": 10, "reasoning": 5},
}
COST = 60 * 3000 + 30 * 300 + 10 * 3750 + 20 * 15_000


def timeless(answer: bytes) -> bytes:
    return re.sub(rb'"created":\d+', b'"created":0', answer)


@both
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_passes_as_it_is_and_is_metered(wire: str, stream: bool) -> None:
    watch = Watch()
    async with scripted([RICH], wire, watch=watch) as (agent, model):
        answer = await agent.ask(stream=stream)
        assert (answer.status_code, len(watch.told)) == (200, 1), answer.text
        path = model.base_url + agent.url[len(agent.access.base_url) :]
        direct = await agent.client.post(path, json=model.requests[-1].body)
    assert timeless(answer.content) == timeless(direct.content)
    assert answer.headers["content-type"] == direct.headers["content-type"]
    reasoning = 5 if wire == "openai" else 0
    assert watch.told == [ModelUsage(f"{PROVIDERS[wire]}/a-model", 100, 20, reasoning, 30, 10, 1, COST)]
    assert agent.access.failure is None


@both
async def test_what_a_provider_gets(wire: str) -> None:
    async with scripted([{"text": "hello"}], wire) as (agent, model):
        await agent.client.post(
            agent.url,
            json=agent.body(stream=True, temperature=0.25, stream_options={"extra": 1}),
            headers={**agent.headers, "anthropic-version": "2023-06-01", "cookie": "a=b"},
        )
    (asked,) = model.requests
    assert asked.body["model"] == "a-model"
    assert (asked.body["temperature"], asked.body["max_tokens"]) == (0.25, 100)
    added = {"include_usage": True} if wire == "openai" else {}
    assert asked.body["stream_options"] == {"extra": 1, **added}
    assert asked.headers["anthropic-version"] == "2023-06-01"
    assert "cookie" not in asked.headers
    assert agent.access.token not in str(asked.headers)
    sent = asked.headers["x-api-key"] if wire == "anthropic" else asked.headers["authorization"].removeprefix("Bearer ")
    assert sent == KEY


@both
async def test_whole_answers_are_asked_for_no_stream_options(wire: str) -> None:
    async with scripted([{"text": "hello"}], wire) as (agent, model):
        await agent.ask()
    assert "stream_options" not in model.requests[0].body


RECORDED = {
    "openai-recorded": "0c9d9616c95742c7f52280bdf58c332a59dbbf912a4c0def98d9df482b3e15e7",
    "anthropic-recorded": "53787cbf836155a1f5dffb60cde0cf0fa42e21db2dbed0aa76f51c76a70b02f6",
}
"""Digests of what providers have sent; where it is from, ``wire/README.md`` tells."""


@pytest.mark.parametrize("name", RECORDED)
def test_recordings_are_as_they_were(name: str) -> None:
    assert hashlib.sha256((WIRE / f"{name}.sse").read_bytes()).hexdigest() == RECORDED[name]


@pytest.mark.parametrize(
    ("name", "used"),
    [
        ("openai-recorded", ModelUsage("some/a-model", 75, 51, 0, 0, 0, 1, 75 * 3000 + 51 * 15_000)),
        ("anthropic-recorded", ModelUsage("anthropic/a-model", 377, 65, 0, 0, 0, 1, 377 * 3000 + 65 * 15_000)),
        (
            "openai-cached",
            ModelUsage("some/a-model", 2006, 300, 256, 1920, 0, 1, 86 * 3000 + 1920 * 300 + 300 * 15_000),
        ),
        (
            "anthropic-cached",
            ModelUsage("anthropic/a-model", 2520, 89, 0, 1800, 248, 1, 472 * 3000 + 540_000 + 248 * 3750 + 89 * 15_000),
        ),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 100_000])
async def test_a_stream_passes_to_the_byte(name: str, used: ModelUsage, piece: int) -> None:
    wire, _, kind = name.partition("-")
    recorded = (WIRE / f"{name}.sse").read_bytes()
    if piece == 1 and kind != "recorded":
        recorded = recorded.replace(b"\n", b"\r\n")

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
        for at in range(0, len(recorded), piece):
            writer.write(recorded[at : at + piece])
            await writer.drain()

    watch = Watch()
    async with (
        raw_server(answer) as url,
        gateway(url, PROVIDERS[wire]) as models,
        agent_of(models, watch) as agent,
    ):
        response = await agent.ask(stream=True)
    assert response.content == recorded
    assert watch.told == [used]


@both
async def test_a_stream_that_the_agent_leaves_is_metered(wire: str) -> None:
    watch = Watch()
    usage = {"input": 100, "output": 20}
    async with scripted([{"text": "one two three " * 50, "usage": usage, "slow": 0.02}], wire, watch=watch) as (
        agent,
        model,
    ):
        async with agent.asking() as answer:
            pieces = answer.aiter_bytes()
            for _ in range(5):
                await anext(pieces)
            await answer.aclose()
        used = await watch.first()
        await model.until(lambda: model.requests[0].end == "left")
    assert used.requests == 1
    assert used.input_tokens == 100 if wire == "anthropic" else used.input_tokens > 10
    assert 1 < used.output_tokens < 160
    assert used.cost


@both
async def test_a_stream_that_breaks_is_metered_and_breaks_for_the_agent(
    wire: str, caplog: pytest.LogCaptureFixture
) -> None:
    watch = Watch()
    async with scripted([{"text": "one two three four", "drop": True}], wire, watch=watch) as (agent, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask(stream=True)
        assert agent.access.failure is not None
        assert agent.access.failure.retryable
        assert "broke off" in agent.access.failure.message
    (used,) = watch.told
    assert used.input_tokens > 10
    assert used.output_tokens >= 1
    assert [record for record in caplog.records if record.levelname in ("WARNING", "ERROR", "CRITICAL")] == []


async def test_a_whole_answer_that_breaks() -> None:
    watch = Watch()
    async with scripted([{"text": "one two three " * 40, "drop": True}], watch=watch) as (agent, _):
        with pytest.raises(httpx.RemoteProtocolError):
            await agent.ask()
    (used,) = watch.told
    assert used.input_tokens > 10
    assert used.output_tokens > 10


async def test_a_call_that_the_agent_leaves_before_an_answer() -> None:
    watch = Watch()
    async with scripted([{"hang_before": NEVER}], watch=watch) as (agent, model):
        asking = asyncio.create_task(agent.ask())
        await model.until(lambda: bool(model.requests))
        asking.cancel()
        await model.until(lambda: model.requests[0].end == "left")
        used = await watch.first()
    assert (used.input_tokens > 10, used.output_tokens) == (True, 0)


async def test_another_model_has_not_the_price_of_the_default_one() -> None:
    watch = Watch()
    async with scripted([RICH], watch=watch) as (agent, model), gateway(model.base_url) as models:
        models.default_model = "some/other-model"
        async with models.open("some/a-model") as access:
            access.meter = watch
            headers = {"authorization": f"Bearer {access.token}"}
            await agent.client.post(f"{access.base_url}/chat/completions", json=agent.body(), headers=headers)
    (used,) = watch.told
    assert (used.input_tokens, used.cost) == (100, None)
