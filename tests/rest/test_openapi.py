"""The description of the HTTP API: it is valid, whole, and says what the contract says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import validate

from agent_runtime_server.rest.bindings import BINDINGS
from agent_runtime_server.rest.openapi import document
from tests.rest.support import door

DOCUMENT = document("1.2.3")
SCHEMAS = DOCUMENT["components"]["schemas"]


def operation(name: str) -> dict[str, Any]:
    """An operation by its id."""
    found: dict[str, Any] = next(
        held for item in DOCUMENT["paths"].values() for held in item.values() if held["operationId"] == name
    )
    return found


def parameters(name: str) -> dict[str, dict[str, Any]]:
    """Parameters of an operation, by name."""
    return {parameter["name"]: parameter for parameter in operation(name)["parameters"]}


def test_it_is_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"] == "3.1.0"
    assert DOCUMENT["info"]["version"] == "1.2.3"


def test_every_reference_is_to_something_and_everything_is_referred_to() -> None:
    referred: set[str] = set()

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                referred.add(value["$ref"])
            for held in value.values():
                look(held)
        elif isinstance(value, list):
            for held in value:
                look(held)

    look(DOCUMENT)
    there = {f"#/components/{kind}/{name}" for kind, held in DOCUMENT["components"].items() for name in held}
    assert referred == there


def test_every_method_with_an_address_is_there_with_its_comment() -> None:
    for binding in BINDINGS:
        described = operation(binding.method.name)
        assert len(described["description"]) > 10, binding.method.name
        assert described["summary"], binding.method.name
        assert described in [item.get(binding.verb.lower()) for item in DOCUMENT["paths"].values()]


def test_operations_have_different_names() -> None:
    names = [held["operationId"] for item in DOCUMENT["paths"].values() for held in item.values()]
    assert len(set(names)) == len(names)


def test_comments_are_told_without_what_is_for_tools() -> None:
    assert SCHEMAS["Task"]["properties"]["retry_policy"]["description"] == (
        "Attempts after infrastructure failures. Failing tests are never retried here."
    )
    assert "- `cancelled`: Stopped on request, with nothing left running." in SCHEMAS["TaskStatus"]["description"]
    assert "buf:lint" not in str(DOCUMENT)


def test_rules_are_told() -> None:
    task = SCHEMAS["TaskInput"]["properties"]
    assert SCHEMAS["TaskInput"]["required"] == ["task_type", "configuration"]
    assert task["task_type"]["enum"] == ["complete", "plan", "generate", "run", "fix", "custom"]
    assert (task["priority"]["minimum"], task["priority"]["maximum"]) == (0, 5)
    assert task["labels"]["maxProperties"] == 64
    assert task["labels"]["propertyNames"]["pattern"].startswith("^[A-Za-z0-9]")
    assert task["labels"]["additionalProperties"]["maxLength"] == 256
    assert "At most `31557600s`." in SCHEMAS["TaskTimeoutsInput"]["properties"]["run_timeout"]["description"]
    assert "absolute http or https URL" in SCHEMAS["TaskConfigurationInput"]["properties"]["app_url"]["description"]
    assert SCHEMAS["TaskConfigurationInput"]["required"] == ["app_url"]
    assert "needs a username and a password" in SCHEMAS["SignInInput"]["description"]
    rule = SCHEMAS["InputRuleInput"]
    assert rule["required"] == ["tool", "decision"]
    assert rule["properties"]["decision"]["enum"] == ["allow_once", "allow_for_task", "reject", "abort"]
    paths = SCHEMAS["TestRunOptionsInput"]["properties"]["test_paths"]
    assert (paths["maxItems"], paths["items"]["minLength"], paths["items"]["maxLength"]) == (1000, 1, 1024)
    assert SCHEMAS["TaskInput"]["not"] == {"required": ["expire_time", "ttl"]}
    assert SCHEMAS["TaskInput"]["additionalProperties"] is False


def test_what_only_goes_in_or_out_is_marked() -> None:
    assert SCHEMAS["SignInInput"]["properties"]["password"]["writeOnly"] is True
    assert "password" not in SCHEMAS["SignIn"]["properties"]
    assert SCHEMAS["Task"]["properties"]["status"]["readOnly"] is True
    assert "status" not in SCHEMAS["TaskInput"]["properties"]
    assert "task_type" not in SCHEMAS["TaskChanges"]["properties"]
    assert "required" not in SCHEMAS["TaskChanges"]


def test_parameters_are_what_is_left_of_the_request() -> None:
    create = parameters("CreateTask")
    assert set(create) == {"request_id", "validate_only", "on_session_conflict", "Idempotency-Key"}
    assert create["request_id"]["schema"]["format"] == "uuid"
    update = parameters("UpdateTask")
    assert (update["task_id"]["in"], update["update_mask"]["required"]) == ("path", True)
    watch = parameters("WatchTask")
    assert watch["kinds"]["schema"]["type"] == "array"
    assert {"after_sequence", "Last-Event-ID"} <= set(watch)
    assert set(parameters("ListSessionFiles")) == {"session_id", "path", "recursive", "page_size", "page_token"}
    assert set(SCHEMAS["CancelTaskRequest"]["properties"]) == {"reason", "mode", "grace_period"}


def test_streams_and_bytes_have_their_media_types() -> None:
    for name in ("WatchTask", "WatchTasks"):
        assert set(operation(name)["responses"]["200"]["content"]) == {"text/event-stream", "application/x-ndjson"}
    for name in ("ReadArtifact", "ReadSessionFile", "ReadReport"):
        assert {"200", "206", "304", "416"} <= set(operation(name)["responses"])
        assert "Range" in parameters(name)
    assert "206" not in operation("ArchiveSession")["responses"]
    assert "Range" not in parameters("ArchiveSession")


@pytest.mark.parametrize("kept", ["the same", "another", "none"])
async def test_it_is_served_and_kept_by_those_who_have_it(kept: str, tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        first = await at.http.get("/openapi.json")
        assert first.status_code == 200
        assert first.headers["content-type"] == "application/json"
        assert first.json()["paths"].keys() == DOCUMENT["paths"].keys()
        tag = {"the same": first.headers["etag"], "another": '"another"', "none": ""}[kept]
        again = await at.http.get("/openapi.json", headers={"If-None-Match": tag} if tag else {})
        assert again.status_code == (304 if kept == "the same" else 200)
        assert again.content == (b"" if kept == "the same" else first.content)
