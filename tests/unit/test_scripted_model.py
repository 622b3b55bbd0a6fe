"""The scripted model over real sockets: every kind of step, in both wire formats."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import ServerSentEvent, aconnect_sse

from agent_runtime_server.testing.scripted_model import ScenarioError, Scenarios, ScriptedModel, server

Json = dict[str, Any]

CHAT, MESSAGES = "chat/completions", "messages"
both = pytest.mark.parametrize("path", [CHAT, MESSAGES])
FOREVER = 600


def user(text: str = "[[it]] go") -> Json:
    return {"role": "user", "content": text}


def said(text: str = "so") -> Json:
    return {"role": "assistant", "content": text}


def result(path: str, text: str) -> Json:
    if path == CHAT:
        return {"role": "tool", "tool_call_id": "call_1", "content": text}
    block = {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": text}]}
    return {"role": "user", "content": [block]}


def body(path: str, *messages: Json, stream: bool = False, tools: bool = True, model: str = "some") -> Json:
    asked: Json = {"model": model, "messages": messages or [user()], "max_tokens": 100, "stream": stream}
    if tools and path == CHAT:
        asked["tools"] = [{"type": "function", "function": {"name": "read", "parameters": {}}}]
    elif tools:
        asked["tools"] = [{"name": "read", "input_schema": {}}]
    if stream and path == CHAT:
        asked["stream_options"] = {"include_usage": True}
    return asked


@asynccontextmanager
async def serving(scenarios: Scenarios) -> AsyncIterator[tuple[ScriptedModel, httpx.AsyncClient]]:
    async with ScriptedModel(scenarios) as model, httpx.AsyncClient(base_url=model.base_url, timeout=60) as client:
        yield model, client


async def streamed(client: httpx.AsyncClient, path: str, asked: Json) -> list[ServerSentEvent]:
    async with aconnect_sse(client, "POST", path, json=asked) as source:
        return [event async for event in source.aiter_sse()]


async def drain(response: httpx.Response, received: bytearray) -> None:
    async for data in response.aiter_bytes():
        received += data


def text(path: str, answer: Json) -> str:
    if path == CHAT:
        return answer["choices"][0]["message"]["content"] or ""
    return "".join(block.get("text", "") for block in answer["content"])


def calls(path: str, answer: Json) -> list[tuple[str, Json]]:
    if path == CHAT:
        functions = [call["function"] for call in answer["choices"][0]["message"].get("tool_calls", [])]
        return [(function["name"], json.loads(function["arguments"])) for function in functions]
    return [(block["name"], block["input"]) for block in answer["content"] if block["type"] == "tool_use"]


async def asked(client: httpx.AsyncClient, path: str, *messages: Json, **options: Any) -> Json:
    response = await client.post(path, json=body(path, *messages, **options))
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


RICH = {
    "text": "two words",
    "reasoning": "I think so",
    "calls": [{"tool": "read", "args": {"path": "é" * 100}}, {"tool": "list", "args": {}}],
    "usage": {"input": 100, "output": 20, "cached": 30, "cache_write": 10, "reasoning": 5},
}


async def test_a_whole_chat_completion() -> None:
    async with serving({"it": [RICH]}) as (_, client):
        answer = await asked(client, CHAT)
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] == "two words"
    assert choice["message"]["reasoning_content"] == "I think so"
    assert calls(CHAT, answer) == [("read", {"path": "é" * 100}), ("list", {})]
    assert answer["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 10},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }


async def test_a_streamed_chat_completion() -> None:
    async with serving({"it": [RICH]}) as (_, client):
        events = await streamed(client, CHAT, body(CHAT, stream=True))
    assert events.pop().data == "[DONE]"
    *chunks, last = [event.json() for event in events]
    assert (last["choices"], last["usage"]["prompt_tokens"]) == ([], 100)
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert [delta["reasoning_content"] for delta in deltas if "reasoning_content" in delta] == ["I ", "think ", "so"]
    assert [delta["content"] for delta in deltas[1:] if "content" in delta] == ["two ", "words"]
    parts = [part for delta in deltas for part in delta.get("tool_calls", [])]
    first = [part["function"] for part in parts if part["index"] == 0]
    assert first[0]["name"] == "read"
    assert len(first) > 2, "arguments come in pieces"
    assert json.loads("".join(function["arguments"] for function in first)) == {"path": "é" * 100}
    assert len({part["id"] for part in parts if "id" in part}) == 2
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-2:] == [None, "tool_calls"]


async def test_a_stream_without_usage_unless_it_is_asked_for() -> None:
    plain = body(CHAT, stream=True)
    del plain["stream_options"]
    async with serving({"it": [RICH]}) as (_, client):
        events = await streamed(client, CHAT, plain)
    assert not any("usage" in event.data for event in events)


async def test_usage_is_estimated_from_the_lengths() -> None:
    async with serving({"it": [{"text": "x" * 400}]}) as (_, client):
        short = (await asked(client, CHAT))["usage"]
        long = (await asked(client, CHAT, user("[[it]]" + "y" * 4000)))["usage"]
    assert short["completion_tokens"] == 101
    assert 990 < long["prompt_tokens"] - short["prompt_tokens"] < 1010


async def test_a_whole_message() -> None:
    async with serving({"it": [RICH]}) as (_, client):
        answer = await asked(client, MESSAGES)
    assert [block["type"] for block in answer["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert answer["content"][0]["thinking"] == "I think so"
    assert text(MESSAGES, answer) == "two words"
    assert calls(MESSAGES, answer) == [("read", {"path": "é" * 100}), ("list", {})]
    assert answer["stop_reason"] == "tool_use"
    assert answer["usage"] == {
        "input_tokens": 60,
        "cache_read_input_tokens": 30,
        "cache_creation_input_tokens": 10,
        "output_tokens": 20,
    }


async def test_a_streamed_message() -> None:
    async with serving({"it": [RICH]}) as (_, client):
        events = await streamed(client, MESSAGES, body(MESSAGES, stream=True))
    data = [event.json() for event in events]
    assert [event.event for event in events] == [one["type"] for one in data]
    assert data[0]["message"]["usage"]["input_tokens"] == 60
    blocks: dict[int, list[Json]] = {}
    for one in data:
        if one["type"] == "content_block_start":
            blocks[one["index"]] = [one["content_block"]]
        elif one["type"] == "content_block_delta":
            blocks[one["index"]].append(one["delta"])
    thinking, words, read, listing = blocks.values()
    assert [delta["type"] for delta in thinking] == ["thinking", *["thinking_delta"] * 3, "signature_delta"]
    assert [delta["text"] for delta in words] == ["", "two ", "words"]
    assert (read[0]["name"], read[0]["input"]) == ("read", {})
    assert json.loads("".join(delta["partial_json"] for delta in read[1:])) == {"path": "é" * 100}
    assert json.loads("".join(delta["partial_json"] for delta in listing[1:])) == {}
    assert [one["type"] for one in data].count("content_block_stop") == 4
    assert data[-2]["delta"]["stop_reason"] == "tool_use"
    assert data[-2]["usage"] == {"output_tokens": 20}
    assert data[-1] == {"type": "message_stop"}


@both
async def test_a_step_follows_the_assistants_turns_since_the_last_mark(path: str) -> None:
    scenarios = {"it": [{"text": "a"}, {"text": "b"}], "other": [{"text": "c"}]}
    async with serving(scenarios) as (model, client):
        assert text(path, await asked(client, path)) == "a"
        assert text(path, await asked(client, path)) == "a", "the same request gets the same answer"
        later = [user(), said(), result(path, "[[other]] is no mark here")]
        assert text(path, await asked(client, path, *later)) == "b"
        assert text(path, await asked(client, path, *later, said())) == "done"
        assert text(path, await asked(client, path, *later, user("[[other]]"))) == "c"
        assert text(path, await asked(client, path, *later, user("no mark"), said())) == "done"
    assert [(one.scenario, one.step) for one in model.requests] == [
        ("it", 0),
        ("it", 0),
        ("it", 1),
        ("it", 2),
        ("other", 0),
        ("it", 2),
    ]


@both
async def test_of_several_marks_one_counts_whose_tools_are_offered(path: str) -> None:
    scenarios: Scenarios = {
        "reads": [{"text": "a", "calls": [{"tool": "read"}]}],
        "writes": [{"text": "b", "calls": [{"tool": "write"}]}],
        "talks": [{"text": "c"}],
    }
    async with serving(scenarios) as (_, client):
        assert text(path, await asked(client, path, user("[[reads]] [[writes]]"))) == "a"
        assert text(path, await asked(client, path, user("[[reads]] [[talks]]"))) == "c", "the last of those that fit"
        assert text(path, await asked(client, path, user("[[reads]]"), user("[[writes]]"))) == "b", "the last message"


@both
async def test_without_a_mark_the_model_chooses_and_then_the_default(path: str) -> None:
    unmarked = user("[[unknown]]")
    async with serving({"one": [{"text": "a"}], "default": [{"text": "b"}]}) as (_, client):
        assert text(path, await asked(client, path, unmarked, model="one")) == "a"
        assert text(path, await asked(client, path, unmarked, model="two")) == "b"
    async with serving({"one": [{"text": "a"}]}) as (_, client):
        response = await client.post(path, json=body(path, unmarked))
    assert response.status_code == 400
    assert "'unknown'" in response.json()["error"]["message"]


@both
async def test_a_request_without_tools_is_outside_of_every_scenario(path: str) -> None:
    async with serving({"it": [{"text": "a", "error": {"status": 500}}]}) as (model, client):
        assert text(path, await asked(client, path, tools=False)) == "Scripted session"
    assert (model.requests[0].scenario, model.requests[0].tools) == ("", [])


@both
async def test_placeholders_take_what_tools_and_the_user_have_said(path: str) -> None:
    call = {"tool": "click", "args": {"ref": [r"${re:ref=(e\d{1,3})}"], "all": "{${re:e7}}"}}
    scenarios = {"it": [{}, {"text": "see ${prompt:https?://\\S+}", "calls": [call]}]}
    messages = [user("[[it]] http://shop/"), said(), result(path, "ref=e1 ref=e22"), result(path, "ref=e7")]
    async with serving(scenarios) as (_, client):
        answer = await asked(client, path, *messages)
        missing = await client.post(path, json=body(path, user(), said()))
    assert text(path, answer) == "see http://shop/"
    assert calls(path, answer) == [("click", {"ref": ["e7"], "all": "{e7}"})]
    assert missing.status_code == 400
    assert "scenario 'it', step 1" in missing.json()["error"]["message"]


@both
async def test_an_error_comes_as_often_as_it_says(path: str) -> None:
    fault = {"status": 429, "message": "too many", "times": 2, "headers": {"retry-after": "7"}}
    async with serving({"it": [{"text": "a", "error": fault}]}) as (_, client):
        responses = [await client.post(path, json=body(path, stream=True)) for _ in range(2)]
        assert text(path, await asked(client, path)) == "a"
    for response in responses:
        assert (response.status_code, response.headers["retry-after"]) == (429, "7")
        assert response.json()["error"]["message"] == "too many"
    if path == MESSAGES:
        assert responses[0].json()["error"]["type"] == "rate_limit_error"


@both
async def test_an_error_without_a_number_stays(path: str) -> None:
    async with serving({"it": [{"error": {"status": 529}}]}) as (_, client):
        assert [(await client.post(path, json=body(path))).status_code for _ in range(3)] == [529] * 3


@both
@pytest.mark.parametrize("stream", [True, False])
async def test_silence_before_the_headers(path: str, stream: bool) -> None:
    async with serving({"it": [{"hang_before": FOREVER}], "other": [{}]}) as (model, client):
        silent = asyncio.create_task(client.post(path, json=body(path, stream=stream)))
        await model.until(lambda: len(model.requests) == 1)
        await asked(client, path, user("[[other]]"))
        assert not silent.done()
        silent.cancel()
        await model.until(lambda: model.requests[0].end == "left")


@both
@pytest.mark.parametrize("stream", [True, False])
async def test_silence_after_the_headers(path: str, stream: bool) -> None:
    async with serving({"it": [{"hang": FOREVER}], "other": [{}]}) as (model, client):
        async with client.stream("POST", path, json=body(path, stream=stream)) as response:
            assert response.status_code == 200
            silent = asyncio.create_task(response.aread())
            await asked(client, path, user("[[other]]"))
            assert not silent.done()
            silent.cancel()
        await model.until(lambda: model.requests[0].end == "left")


@both
async def test_a_silence_ends_in_the_answer(path: str) -> None:
    async with serving({"it": [{"text": "late", "hang_before": 0.05, "hang": 0.05}]}) as (model, client):
        started = time.monotonic()
        assert text(path, await asked(client, path)) == "late"
        assert time.monotonic() - started > 0.09
        await model.until(lambda: model.requests[0].end == "answered")


@both
@pytest.mark.parametrize("stream", [True, False])
async def test_a_dropped_connection_breaks_in_the_middle(path: str, stream: bool) -> None:
    received = bytearray()
    async with serving({"it": [{"text": "one " * 100 + "last", "drop": True}]}) as (model, client):
        async with client.stream("POST", path, json=body(path, stream=stream)) as response:
            with pytest.raises(httpx.RemoteProtocolError):
                await drain(response, received)
        await model.until(lambda: model.requests[0].end == "dropped")
    assert b"one" in received
    assert b"last" not in received


@both
async def test_a_slow_stream_pauses_after_each_chunk(path: str) -> None:
    async with serving({"it": [{"text": "one two three", "slow": 0.05}]}) as (_, client):
        started = time.monotonic()
        events = await streamed(client, path, body(path, stream=True))
        assert time.monotonic() - started > 0.04 * len(events)


@both
@pytest.mark.parametrize("step", [{"hang_before": FOREVER}, {"hang": FOREVER}, {"text": "a b", "slow": FOREVER}])
async def test_it_closes_at_once_whatever_hangs(path: str, step: Json) -> None:
    async with httpx.AsyncClient(timeout=60) as client:
        async with ScriptedModel({"it": [step]}) as model:
            pending = asyncio.create_task(client.post(f"{model.base_url}/{path}", json=body(path, stream=True)))
            await model.until(lambda: len(model.requests) > 0)
        assert model.requests[0].end == "closed"
        await asyncio.wait([pending])
        assert pending.exception() or pending.result().status_code == 500
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{model.base_url}/models")


@both
async def test_it_records_what_was_asked(path: str) -> None:
    async with serving({"it": [{}]}) as (model, client):
        sent = body(path, user(), said(), result(path, "x"))
        await client.post(path, json=sent, headers={"Authorization": "Bearer key", "X-Api-Key": "key"})
    (request,) = model.requests
    assert request.path == f"/v1/{path}"
    assert (request.headers["authorization"], request.headers["x-api-key"]) == ("Bearer key", "key")
    assert (request.scenario, request.step, request.tools) == ("it", 1, ["read"])
    assert request.roles == ["user", "assistant", "tool" if path == CHAT else "user"]
    assert request.body == json.loads(json.dumps(sent))


@both
async def test_requests_at_the_same_time(path: str) -> None:
    scenarios = {f"s{number}": [{"text": f"text {number}", "hang_before": 0.05}] for number in range(20)}
    async with serving(scenarios) as (_, client):
        answers = await asyncio.gather(*(asked(client, path, user(f"[[{name}]]")) for name in scenarios))
    assert [text(path, answer) for answer in answers] == [f"text {number}" for number in range(20)]


@both
async def test_the_same_request_gets_the_same_identities(path: str) -> None:
    async with serving({"it": [RICH, RICH]}) as (_, client):
        first, again, next_step = [
            await asked(client, path, *messages) for messages in ([user()], [user()], [user(), said()])
        ]
    first.pop("created", None), again.pop("created", None)
    assert first == again
    assert "call_" in json.dumps(first)
    assert json.dumps(first).split('"call_')[1][:24] not in json.dumps(next_step)


@both
@pytest.mark.parametrize("wrong", [b"no json", b"{}", b'{"model": "m", "max_tokens": 1, "messages": 5}'])
async def test_what_is_no_request_is_refused(path: str, wrong: bytes) -> None:
    async with serving({"default": [{}]}) as (model, client):
        response = await client.post(path, content=wrong)
    assert response.status_code == 400
    assert response.json()["error"]["message"]
    assert not model.requests


@both
async def test_a_request_that_is_too_large_is_refused(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "MAX_BODY_BYTES", 10)
    async with serving({"default": [{}]}) as (_, client):
        response = await client.post(path, json=body(path))
    assert (response.status_code, response.json()["error"]["message"]) == (413, "a request can have 10 bytes")


async def test_scenarios_are_its_models() -> None:
    async with serving({"one": [], "two": []}) as (_, client):
        models = (await client.get("models")).json()
    assert [model["id"] for model in models["data"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("scenarios", "complaint"),
    [
        ([], "must be an object"),
        ({"a b": []}, "scenario 'a b': a name has"),
        ({"it": {"text": "a"}}, "scenario 'it': must be a list"),
        ({"it": [{}, {"txt": "a"}]}, r"scenario 'it', step 1 .*unknown field `txt`"),
        ({"it": [{"calls": [{"args": {}}]}]}, r"step 0 .*missing required field `tool` - at `\$.calls\[0\]`"),
        ({"it": [{"error": {"status": 200}}]}, r"`int` >= 400 - at `\$.error.status`"),
        ({"it": [{"slow": -1}]}, r">= 0.* - at `\$.slow`"),
        ({"it": [{"calls": [{"tool": "a", "args": {"b": ["${re:(}"]}}]}]}, r"step 0 .*the expression '\(' is wrong"),
        ({"it": [{"usage": {"input": 1, "output": 1, "cached": 2}}]}, "usage.input"),
    ],
)
def test_wrong_scenarios_are_refused_by_name_and_step(scenarios: Any, complaint: str) -> None:
    with pytest.raises(ScenarioError, match=complaint):
        ScriptedModel(scenarios)


async def command(script: Path) -> asyncio.subprocess.Process:
    module = "agent_runtime_server.testing.scripted_model"
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, "--script", str(script), stdout=pipe, stderr=pipe
    )


async def test_the_command_serves_and_tells_where(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    script.write_text(json.dumps({"it": [{"text": "a"}]}))
    process = await command(script)
    assert process.stdout
    try:
        base_url = json.loads(await process.stdout.readline())["listening"]
        async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
            assert text(CHAT, await asked(client, CHAT)) == "a"
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.parametrize("content", ["{", '{"it": [{"txt": 1}]}', None])
async def test_the_command_refuses_a_wrong_script(tmp_path: Path, content: str | None) -> None:
    script = tmp_path / "script.json"
    if content is not None:
        script.write_text(content)
    process = await command(script)
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert "script.json" in errors.decode()
    assert "Traceback" not in errors.decode()
