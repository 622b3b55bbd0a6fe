"""The fields that filters of each list may name, and their values."""

from __future__ import annotations

from enum import Enum

from agent_runtime_server.domain.filters.tree import Field, Fields, FieldType, ValueOf
from agent_runtime_server.domain.results import Artifact, ArtifactKind, TestCase, TestOutcome, Verdict
from agent_runtime_server.domain.task import Status, Task, TaskType


def _word(words: type[Enum], prefix: str) -> Field:
    return Field(FieldType.WORD, tuple(word.value for word in words), prefix)


TASK_FIELDS: Fields = {
    "status": _word(Status, "TASK_STATUS_"),
    "task_type": _word(TaskType, "TASK_TYPE_"),
    "session_id": Field(FieldType.TEXT),
    "done": Field(FieldType.FLAG),
    "create_time": Field(FieldType.MOMENT),
    "end_time": Field(FieldType.MOMENT),
    "result.verdict": _word(Verdict, "TEST_VERDICT_"),
    "labels": Field(FieldType.MAP),
}
TEST_FIELDS: Fields = {
    "outcome": _word(TestOutcome, "TEST_OUTCOME_"),
    "project": Field(FieldType.TEXT),
    "title": Field(FieldType.TEXT),
    "path": Field(FieldType.TEXT),
    "tags": Field(FieldType.TEXTS),
    "round": Field(FieldType.NUMBER),
}
ARTIFACT_FIELDS: Fields = {
    "kind": _word(ArtifactKind, "ARTIFACT_KIND_"),
    "path": Field(FieldType.TEXT),
    "test_id": Field(FieldType.TEXT),
    "media_type": Field(FieldType.TEXT),
}


def task_value(task: Task) -> ValueOf:
    """The values of a task for ``TASK_FIELDS``."""
    verdict = task.result.verdict
    return {
        "status": task.status.value,
        "task_type": task.spec.task_type.value,
        "session_id": task.spec.session_id,
        "done": task.done,
        "create_time": task.create_time,
        "end_time": task.end_time,
        "result.verdict": verdict and verdict.value,
        "labels": task.labels,
    }.get


def test_value(test: TestCase) -> ValueOf:
    """The values of a test case for ``TEST_FIELDS``."""
    return {
        "outcome": test.outcome.value,
        "project": test.project,
        "title": test.title_path[-1] if test.title_path else None,
        "path": test.location.path,
        "tags": test.tags,
        "round": test.round,
    }.get


def artifact_value(artifact: Artifact) -> ValueOf:
    """The values of an artifact for ``ARTIFACT_FIELDS``."""
    return {
        "kind": artifact.kind.value,
        "path": artifact.path,
        "test_id": artifact.test_id,
        "media_type": artifact.media_type,
    }.get
