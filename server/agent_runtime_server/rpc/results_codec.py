"""Results and artifacts, from the domain to the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from agent_runtime.v1 import artifact_pb2, test_result_pb2
from agent_runtime_server.domain import results
from agent_runtime_server.domain.faults import InvalidField
from agent_runtime_server.rpc import enums

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def timestamp(moment: datetime | None) -> Timestamp | None:
    """A proto timestamp; None stays None, which leaves a field unset."""
    if moment is None:
        return None
    # Timestamp.FromDatetime does the same at three times the cost.
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def moment(message: Timestamp, field: str) -> datetime:
    """The moment in a field of a request. Raises InvalidField for one that no calendar has."""
    try:
        return message.ToDatetime(UTC)
    except (ValueError, OverflowError) as bad:
        raise InvalidField.of(field, "is no moment between the years 1 and 9999") from bad


def duration(span: timedelta) -> Duration:
    """A proto duration."""
    message = Duration()
    message.FromTimedelta(span)
    return message


def location_out(location: results.Location | None) -> test_result_pb2.SourceLocation | None:
    """A place in a session file."""
    if location is None:
        return None
    return test_result_pb2.SourceLocation(path=location.path, line=location.line, column=location.column)


def attempt_out(attempt: results.TestAttempt) -> test_result_pb2.TestAttempt:
    """One attempt at a test."""
    return test_result_pb2.TestAttempt(
        retry=attempt.retry,
        status=enums.ATTEMPT.out(attempt.status),  # type: ignore[arg-type]
        start_time=timestamp(attempt.start_time),
        duration=duration(attempt.duration),
        errors=[
            test_result_pb2.TestError(
                message=error.message, stack=error.stack, location=location_out(error.location), snippet=error.snippet
            )
            for error in attempt.errors
        ],
        steps=[
            test_result_pb2.TestStep(
                title=step.title,
                category=step.category,
                duration=duration(step.duration),
                error=step.error,
                depth=step.depth,
            )
            for step in attempt.steps
        ],
        artifact_ids=attempt.artifact_ids,
        worker_index=attempt.worker_index,
    )


def test_case_out(case: results.TestCase) -> test_result_pb2.TestCase:
    """One test with its attempts."""
    return test_result_pb2.TestCase(
        id=case.id,
        project=case.project,
        title_path=case.title_path,
        location=location_out(case.location),
        tags=case.tags,
        outcome=enums.OUTCOME.out(case.outcome),  # type: ignore[arg-type]
        attempts=[attempt_out(attempt) for attempt in case.attempts],
        round=case.round,
    )


def summary_out(summary: results.TestSummary | None) -> test_result_pb2.TestSummary | None:
    """Counts over test cases."""
    if summary is None:
        return None
    return test_result_pb2.TestSummary(
        total=summary.total,
        expected=summary.expected,
        unexpected=summary.unexpected,
        flaky=summary.flaky,
        skipped=summary.skipped,
        duration=duration(summary.duration),
    )


def finding_out(finding: results.Finding) -> test_result_pb2.Finding:
    """Something seen in the app."""
    return test_result_pb2.Finding(
        id=finding.id,
        kind=enums.FINDING.out(finding.kind),  # type: ignore[arg-type]
        severity=enums.SEVERITY.out(finding.severity),  # type: ignore[arg-type]
        url=finding.url,
        title=finding.title,
        steps=finding.steps,
    )


def repair_out(repair: results.Repair) -> test_result_pb2.Repair:
    """A change that the fixer made, or declined to make."""
    return test_result_pb2.Repair(
        test_id=repair.test_id,
        verdict=enums.REPAIR_VERDICT.out(repair.verdict),  # type: ignore[arg-type]
        cause=enums.REPAIR_CAUSE.out(repair.cause),  # type: ignore[arg-type]
        explanation=repair.explanation,
        diff_artifact_id=repair.diff_artifact_id,
        outcome=enums.OUTCOME.out(repair.outcome),  # type: ignore[arg-type]
        round=repair.round,
        reviewer=repair.reviewer,
        assertion_changed=repair.assertion_changed,
    )


def artifact_out(task_id: str, artifact: results.Artifact) -> artifact_pb2.Artifact:
    """A stored output of a task."""
    return artifact_pb2.Artifact(
        id=artifact.id,
        task_id=task_id,
        kind=enums.ARTIFACT.out(artifact.kind),  # type: ignore[arg-type]
        path=artifact.path,
        media_type=artifact.media_type,
        size_bytes=artifact.size_bytes,
        sha256=artifact.sha256,
        create_time=timestamp(artifact.create_time),
        test_id=artifact.test_id,
        round=artifact.round,
        retry=artifact.retry,
    )
