"""``/health``, ``/config`` and ``/`` of the old service."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent_runtime_server.rest.legacy.shapes import relative
from tests.rest.legacy_shapes import CONFIG, HEALTH, ROOT, TYPES, check
from tests.rest.support import answer, door

KEY = "sk-never-to-be-told"


async def test_health(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        health = answer(await at.http.get("/health"))
        check(health, HEALTH)
        assert health["opencode_available"] is False


async def test_configuration_without_a_model(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        config = answer(await at.http.get("/config"))
        check(config, CONFIG)
        assert (config["provider"], config["model"], config["auth_type"]) == ("", "", "none")
        assert config["available_task_types"] == list(TYPES)
        assert (config["session_root"], config["opencode_path"]) == ("workspaces", "opencode")


async def test_configuration_tells_no_key_and_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "ANTHROPIC_API_KEY", KEY)
    settings = {
        "model": "anthropic/claude-sonnet-4-5",
        "default_driver": "explorer",
        "opencode_path": str(tmp_path / "bin/opencode-1.2"),
        "environment": "staging",
    }
    async with door(tmp_path, **settings) as at:
        response = await at.http.get("/config")
        config = answer(response)
        check(config, CONFIG)
        assert (config["provider"], config["model"]) == ("anthropic", "claude-sonnet-4-5")
        assert (config["auth_type"], config["environment"]) == ("api_key", "staging")
        assert (config["session_root"], config["opencode_path"]) == ("workspaces", "opencode-1.2")
        assert KEY not in response.text
        assert str(tmp_path) not in response.text


@pytest.mark.parametrize(
    ("configured", "told"),
    [("./workspaces", "workspaces"), ("a/b", "a/b"), ("/data/workspaces", "workspaces"), (".", "."), ("/", "")],
)
def test_paths_are_told_without_where_they_begin(configured: str, told: str) -> None:
    assert relative(configured) == told


@pytest.mark.parametrize("accept", ["*/*", "application/json", ""])
async def test_programs_get_json_at_the_root(tmp_path: Path, accept: str) -> None:
    async with door(tmp_path) as at:
        response = await at.http.get("/", headers={"accept": accept})
        check(answer(response), ROOT)
        assert "accept" in response.headers["vary"].lower()


async def test_browsers_get_the_page_at_the_root(tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
        response = await at.http.get("/", headers={"accept": accept})
        assert response.headers["content-type"].startswith("text/html")
        assert "accept" in response.headers["vary"].lower()
