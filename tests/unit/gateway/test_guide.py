"""What docs/models.md says is so."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from pathlib import Path

from agent_runtime_server.adapters.gateway.access import CALLS_AT_ONCE
from agent_runtime_server.adapters.gateway.http_server import MAX_REQUEST_BYTES
from agent_runtime_server.adapters.gateway.providers import KNOWN
from agent_runtime_server.settings import Settings
from tests.unit.gateway.house import Watch, agent_of, gateway

GUIDE = (Path(__file__).parents[3] / "docs/models.md").read_text()


def block(language: str, number: int = 0) -> str:
    blocks: list[str] = re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    return blocks[number]


def test_providers_and_their_keys() -> None:
    for name, provider in KNOWN.items():
        row = next(line for line in GUIDE.splitlines() if line.startswith("|") and f"`{name}`" in line)
        assert all(f"`{key}`" in row for key in provider.keys)
    assert f"{CALLS_AT_ONCE} calls at once, of {MAX_REQUEST_BYTES >> 20} MiB" in GUIDE


def test_settings_and_their_defaults() -> None:
    rows = re.findall(r"\| `AGENT_RUNTIME_(\w+)` \| (.*?) ?\|", GUIDE)
    settings = {name.lower(): default for name, default in rows if name != "MODEL_API_KEY"}
    assert len(settings) >= 6
    for name, default in settings.items():
        value = getattr(Settings(), name)
        assert default == (format(value, "g" if isinstance(value, float) else "") if value else "")


async def test_the_example_for_ci(tmp_path: Path) -> None:
    script = tmp_path / "model.json"
    script.write_text(block("json"))
    command = block("sh", 1).splitlines()[0].replace("9100", "0").rstrip(" &").split()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command[1:], cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        url = json.loads(await process.stdout.readline())["listening"]
        watch = Watch()
        async with gateway(url, "scripted") as models, agent_of(models, watch) as agent:
            messages = [{"role": "user", "content": "go"}]
            asked = (await agent.ask(messages=messages)).json()["choices"][0]["message"]
            assert json.loads(asked["tool_calls"][0]["function"]["arguments"])["filePath"] == "notes.md"
            messages += [asked, {"role": "tool", "tool_call_id": asked["tool_calls"][0]["id"], "content": "ok"}]
            said = (await agent.ask(messages=messages)).json()["choices"][0]["message"]
            assert said["content"] == "I have written notes.md."
            assert (watch.told[-1].input_tokens, watch.told[-1].output_tokens) == (900, 12)
            lucky = await agent.ask(messages=[{"role": "user", "content": "[[unlucky]]"}])
            assert (lucky.status_code, len(watch.told)) == (200, 3)
    finally:
        process.terminate()
        await process.wait()
