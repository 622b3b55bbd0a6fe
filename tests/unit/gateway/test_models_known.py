"""Which models there is a way to, what they cost, and bodies that are changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent_runtime_server.adapters.gateway import ModelGateway
from agent_runtime_server.adapters.gateway.gateway import price_of
from agent_runtime_server.adapters.gateway.providers import KNOWN, OWN_KEY, Route, route
from agent_runtime_server.adapters.gateway.wire import Counter, request_body
from agent_runtime_server.domain.usage import Price

HERE = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_a_known_provider_needs_its_key(name: str) -> None:
    provider = KNOWN[name]
    if not provider.keys:
        assert isinstance(route(f"{name}/m", "", {}), Route)
        return
    missing = route(f"{name}/m", "", {})
    assert missing == f"model {name}/m needs a key: set {' or '.join(provider.keys)} in the server's environment"
    for variable in provider.keys:
        way = route(f"{name}/m/n", "", {variable: "secret"})
        assert isinstance(way, Route)
        assert (way.model, way.key, way.wire) == ("m/n", "secret", provider.wire)
        assert "secret" not in repr(way)


def test_an_address_of_ones_own() -> None:
    own = route("mine/m", HERE + "/", {OWN_KEY: "secret", "OPENAI_API_KEY": "other"})
    assert isinstance(own, Route)
    assert (own.url, own.headers()) == (f"{HERE}/chat/completions", {"authorization": "Bearer secret"})
    free = route("mine/m", HERE, {})
    assert isinstance(free, Route)
    assert free.headers() == {}
    proxied = route("anthropic/m", HERE, {"ANTHROPIC_API_KEY": "secret"})
    assert isinstance(proxied, Route)
    assert (proxied.url, proxied.headers()) == (f"{HERE}/messages", {"x-api-key": "secret"})


def test_a_key_from_a_file_with_its_line_break() -> None:
    way = route("openai/m", "", {"OPENAI_API_KEY": " secret\n"})
    assert isinstance(way, Route)
    assert way.key == "secret"
    assert "needs a key" in str(route("openai/m", "", {"OPENAI_API_KEY": "\n"}))


@pytest.mark.parametrize("key", ["sec\nret", "sec ret", "s\u00e9cret", "sec\x00ret"])
def test_a_key_that_is_none(key: str) -> None:
    refused = route("google/m", "", {"GOOGLE_API_KEY": key})
    assert refused == "GOOGLE_API_KEY has a character in it that no key has"
    own = route("mine/m", HERE, {OWN_KEY: key})
    assert str(own).startswith(OWN_KEY)


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host/v1", "http://", "http://host:port/v1", "/v1"])
def test_a_bad_address(url: str) -> None:
    assert "AGENT_RUNTIME_MODEL_BASE_URL" in str(route("mine/m", url, {}))


def test_the_address_is_the_default_models() -> None:
    models = ModelGateway({}, default_model="mine/m", base_url=HERE, price=Price(1, 1, 1, 1))
    assert models.availability("mine/other").available
    assert not models.availability("openai/m").available
    assert models.has_price("mine/m")
    assert not models.has_price("mine/other")


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("", None),
        (" ", None),
        ("3,15", Price(3000, 15_000, 3000, 3000)),
        ("3, 15, 0.3", Price(3000, 15_000, 300, 3000)),
        ("3,15,0.3,3.75", Price(3000, 15_000, 300, 3750)),
        ("0,0", Price(0, 0, 0, 0)),
    ],
)
def test_prices(text: str, price: Price | None) -> None:
    assert price_of(text) == price


@pytest.mark.parametrize("text", ["3", "1,2,3,4,5", "a,b", "-1,2", "3,", "nan,1", "inf,1", "1;2"])
def test_bad_prices(text: str) -> None:
    with pytest.raises(ValueError, match=r"model_price .* is not of the form"):
        price_of(text)


def changed(provider: str, **body: Any) -> dict[str, Any]:
    way = route(f"{provider}/m", HERE, {})
    assert isinstance(way, Route)
    made: dict[str, Any] = json.loads(request_body(json.dumps(body).encode(), way))
    return made


def test_what_providers_want_otherwise() -> None:
    assert changed("openai", max_tokens=5) == {"model": "m", "max_completion_tokens": 5}
    assert changed("groq", max_tokens=5) == {"model": "m", "max_tokens": 5}
    assert changed("mistral", stream=True, stream_options={"include_usage": True}) == {"model": "m", "stream": True}
    assert changed("groq", stream=True, stream_options=None)["stream_options"] == {"include_usage": True}


def test_what_is_not_changed_stays_to_the_byte() -> None:
    way = route("mine/m", HERE, {})
    assert isinstance(way, Route)
    content = b'{"model":"x","messages":[ {"a" : 1.50, "b":"\\u00e9"} ],"big":12345678901234567890123}'
    assert request_body(content, way) == content.replace(b'"x"', b'"m"')


def test_reasoning_that_only_the_total_counts() -> None:
    way = route("google/m", HERE, {})
    assert isinstance(way, Route)
    counter = Counter(way, b"{}")
    counter.begin("application/json; charset=utf-8")
    counter.take(b'{"usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 40}}')
    used = counter.usage()
    assert (used.input_tokens, used.output_tokens) == (10, 30)


@pytest.mark.parametrize("usage", ['"many"', "[1]", "null", '{"prompt_tokens": "x", "completion_tokens": -5}', "{"])
def test_usage_that_makes_no_sense(usage: str) -> None:
    way = route("mine/m", HERE, {})
    assert isinstance(way, Route)
    counter = Counter(way, b"x" * 400)
    counter.begin("text/event-stream")
    counter.take(f'data: {{"usage": {usage}}}\n\n'.encode())
    used = counter.usage()
    assert used.input_tokens in (0, 100)
    assert used.output_tokens in (0, 1)
