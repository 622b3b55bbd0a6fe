"""Providers of models: where they are, what they speak, and which variable has their key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

Wire = Literal["openai", "anthropic"]
"""OpenAI's chat completions, or Anthropic's messages."""

OWN_KEY = "AGENT_RUNTIME_MODEL_API_KEY"
"""Key for a provider that is served at an address of one's own."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider."""

    base_url: str
    keys: tuple[str, ...] = ()
    """Variables that may hold the key; none for a provider that needs none."""
    wire: Wire = "openai"
    tells_usage_unasked: bool = False
    """In streams, and takes being asked for an error."""


KNOWN: Mapping[str, Provider] = {
    "anthropic": Provider("https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",), "anthropic"),
    "deepseek": Provider("https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",)),
    "google": Provider(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY"),
    ),
    "groq": Provider("https://api.groq.com/openai/v1", ("GROQ_API_KEY",)),
    "mistral": Provider("https://api.mistral.ai/v1", ("MISTRAL_API_KEY",), tells_usage_unasked=True),
    "ollama": Provider("http://127.0.0.1:11434/v1"),
    "openai": Provider("https://api.openai.com/v1", ("OPENAI_API_KEY",)),
    "openrouter": Provider("https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",)),
    "xai": Provider("https://api.x.ai/v1", ("XAI_API_KEY",)),
}


@dataclass(frozen=True, slots=True, repr=False)
class Route:
    """The way to one model."""

    provider: str
    model: str
    base_url: str
    wire: Wire
    key: str
    tells_usage_unasked: bool = False

    @property
    def url(self) -> str:
        """Where its calls go."""
        return self.base_url.rstrip("/") + ("/messages" if self.wire == "anthropic" else "/chat/completions")

    def headers(self) -> dict[str, str]:
        """What lets a call in."""
        if not self.key:
            return {}
        return {"x-api-key": self.key} if self.wire == "anthropic" else {"authorization": f"Bearer {self.key}"}


def route(model: str, base_url: str, environment: Mapping[str, str]) -> Route | str:
    """The way to a model, or why there is none and what to set.

    ``base_url`` is where its provider is served instead of at the usual place; empty for there.
    """
    name, _, short = model.partition("/")
    if not name or not short:
        return f"model {model!r} is not of the form provider/model"
    known = KNOWN.get(name)
    if known is None and not base_url:
        return f"provider {name!r} is none of {', '.join(sorted(KNOWN))}; set AGENT_RUNTIME_MODEL_BASE_URL for another"
    if base_url and not _is_address(base_url):
        return f"AGENT_RUNTIME_MODEL_BASE_URL {base_url!r} is not of the form http://host:port/path"
    provider = known or Provider("")
    variables = (OWN_KEY, *provider.keys) if base_url else provider.keys
    held = ((variable, environment.get(variable, "").strip()) for variable in variables)
    variable, key = next(((variable, key) for variable, key in held if key), ("", ""))
    if not key.isascii() or not key.isprintable() or " " in key:
        return f"{variable} has a character in it that no key has"
    if provider.keys and not key and not base_url:
        return f"model {model} needs a key: set {' or '.join(provider.keys)} in the server's environment"
    return Route(name, short, base_url or provider.base_url, provider.wire, key, provider.tells_usage_unasked)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
