"""No secret in any text that leaves, in any form in which texts write it."""

from __future__ import annotations

import base64
import html
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import get_args
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent_runtime_server.domain.agent import AgentMessage, ToolCall, ToolCallState
from agent_runtime_server.domain.event import (
    Fact,
    FileChanged,
    LinesLost,
    LogEntry,
    LogLevel,
    LogSource,
    PhaseChanged,
)
from agent_runtime_server.domain.redaction import MASK, Redactor
from agent_runtime_server.domain.results import (
    ArtifactKind,
    AttemptStatus,
    Finding,
    FindingKind,
    Location,
    Produced,
    Severity,
    TestAttempt,
    TestCase,
    TestError,
    TestOutcome,
    TestStep,
    artifact_id,
)
from agent_runtime_server.domain.task import Phase, Progress
from agent_runtime_server.domain.usage import ModelUsage

SECRET = "p@ss/wörd \"<'1&"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DIGEST = artifact_id("t1", SECRET)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="[]"), min_size=3, max_size=40)


def encoded(value: str) -> dict[str, str]:
    raw = value.encode()
    return {
        "plain": value,
        "url": quote(value, safe=""),
        "url path": quote(value),
        "url, small letters": re.sub("%..", lambda code: code[0].lower(), quote(value, safe="")),
        "url component": quote(value, safe="!'()*"),
        "query": quote_plus(value),
        "json": json.dumps(value)[1:-1],
        "json, not only ASCII": json.dumps(value, ensure_ascii=False)[1:-1],
        "json in json": json.dumps(json.dumps(value)[1:-1])[1:-1],
        "json in html": html.escape(json.dumps(value)[1:-1]),
        "html": html.escape(value),
        "html text": html.escape(value, quote=False),
        "base64": base64.b64encode(raw).decode(),
        "base64 for URLs": base64.urlsafe_b64encode(raw).decode(),
    }


@given(value=VALUES, before=st.text(), after=st.text())
def test_every_form_is_masked(value: str, before: str, after: str) -> None:
    assume(value not in MASK)
    redactor = Redactor([value])
    for name, form in encoded(value).items():
        text = redactor.redact(f"{before}{form}{after}")
        assert MASK in text, name
        assert form not in text.replace(MASK, "[]"), name
        assert redactor.redact(text).count(MASK) >= 1


@given(value=VALUES, texts=st.text())
def test_texts_without_the_value_stay(value: str, texts: str) -> None:
    assume(all(form not in texts for form in encoded(value).values()))
    assume(MASK not in texts)
    kept = Redactor([value]).redact(texts)
    assert kept == texts or MASK in kept  # a lucky base64 core


@given(value=st.text(st.characters(codec="ascii"), min_size=8), user=st.text(st.characters(codec="ascii")))
def test_basic_authentication_is_masked(value: str, user: str) -> None:
    header = base64.b64encode(f"{user}:{value}".encode()).decode()
    text = Redactor([value]).redact(f"Authorization: Basic {header}")
    assert MASK in text
    left = text.removeprefix("Authorization: Basic ").split(MASK)[0]
    assert len(left) * 6 // 8 <= len(user) + 2, "no more than a bit of its first character"


def test_whole_texts() -> None:
    redactor = Redactor([SECRET, "hunter2"])
    text = f"fill {SECRET} or hunter2: {json.dumps({'password': SECRET})} {urlencode({'p': SECRET})}"
    assert redactor.redact(text) == f'fill {MASK} or {MASK}: {{"password": "{MASK}"}} p={MASK}'


def test_the_longest_value_wins_and_nothing_is_masked_twice() -> None:
    redactor = Redactor(["secret", "secret-and-more", "act", "red"])
    once = redactor.redact("secret-and-more, secret, an act")
    assert once == f"{MASK}, {MASK}, an {MASK}"
    assert redactor.redact(once) == once


def test_short_values_are_left() -> None:
    redactor = Redactor(["", "a", "12"])
    assert redactor.redact("a 12 abc") == "a 12 abc"
    fact = Progress(1, 2, "a")
    assert redactor.redact_fact(fact) is fact
    assert Redactor(["123"]).redact("a 123") == f"a {MASK}"


def facts(text: str, digest: str) -> list[Fact]:
    """One of each kind, with the text wherever a text can be."""
    error = TestError(text, text, Location(text, 1, 2), text)
    attempt = TestAttempt(
        0,
        AttemptStatus.FAILED,
        NOW,
        timedelta(seconds=1),
        (error,),
        (TestStep(text, text, timedelta(), text),),
        (digest,),
    )
    return [
        PhaseChanged(Phase.PLANNING, Phase.PLANNING, text),
        Progress(1, 2, text),
        LogEntry(NOW, LogLevel.INFO, LogSource.AGENT, text),
        LinesLost(3),
        TestCase(digest, text, (text, text), Location(text), TestOutcome.FLAKY, (attempt,), (text,), 3),
        FileChanged(text, 5, digest),
        Finding(digest, FindingKind.BROKEN_LINK, Severity.LOW, text, text, (text, text)),
        Produced(ArtifactKind.LOG, text, "text/plain", digest, 1, 2),
        AgentMessage(text, digest, text, final=True),
        ToolCall(
            text,
            text,
            ToolCallState.FAILED,
            text,
            {text: text, "path": text, "deep": [1, None, text, {"items": (text, {text: [text]})}]},
            text,
        ),
        ModelUsage(digest, 1, 2),
    ]


def test_every_text_of_every_fact_is_masked_and_nothing_else() -> None:
    redactor = Redactor([SECRET])
    before = facts(f"see {SECRET}", DIGEST)
    assert {type(fact) for fact in before} == set(get_args(Fact))
    assert [redactor.redact_fact(fact) for fact in before] == facts(f"see {MASK}", DIGEST)


def test_a_weak_password_does_not_rename_tools_nor_their_arguments() -> None:
    call = ToolCall("call_test", "run_test", ToolCallState.STARTED, "a test", {"test": "test"})
    redacted = Redactor(["test"]).redact_fact(call)
    assert (redacted.call_id, redacted.tool, redacted.title) == ("call_test", "run_test", f"a {MASK}")
    assert redacted.arguments == {"test": MASK}


@given(
    values=st.lists(VALUES, min_size=1, max_size=3),
    texts=st.lists(st.one_of(st.integers(0, 2), st.text(max_size=20)), max_size=8),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
def test_a_text_in_pieces_is_masked_as_if_it_came_whole(
    values: list[str], texts: list[int | str], cuts: list[int]
) -> None:
    assume(all(value not in MASK for value in values))
    redactor = Redactor(values)
    whole = "".join(text if isinstance(text, str) else values[text % len(values)] for text in texts)
    ends = sorted({min(cut, len(whole)) for cut in cuts} | {len(whole)})
    told, rest = "", ""
    for start, end in zip([0, *ends], ends, strict=False):
        more, rest = redactor.redact_begun(rest + whole[start:end])
        told += more
    assert told + redactor.redact(rest) == redactor.redact(whole)


def test_every_form_is_masked_wherever_it_is_cut() -> None:
    redactor = Redactor([SECRET])
    for name, form in {**encoded(SECRET), "html in html": html.escape(html.escape(SECRET))}.items():
        for cut in range(len(form) + 1):
            told, rest = redactor.redact_begun(f"see {form[:cut]}")
            more, rest = redactor.redact_begun(f"{rest}{form[cut:]} and")
            assert f"{told}{more}{redactor.redact(rest)}" == f"see {MASK} and", (name, cut)


def test_without_secrets_nothing_is_held_back() -> None:
    assert Redactor([]).redact_begun("any text") == ("any text", "")


@pytest.mark.parametrize("word", ["test", "account", "cart", "123"])
def test_a_weak_password_does_not_rename_files(word: str) -> None:
    """Files keep the names under which they are stored, and ids what they name."""
    path = f"tests/{word}/{word}-123.spec.ts"
    digest = artifact_id("t1", path) + word
    assert Redactor([word]).redact_fact(Produced(ArtifactKind.TEST_SOURCE, path, f"text/{word}", digest)) == Produced(
        ArtifactKind.TEST_SOURCE, path, f"text/{word}", digest
    )
    assert Redactor([word]).redact_fact(FileChanged(path, sha256=digest)) == FileChanged(path, sha256=digest)
    assert Redactor([word]).redact(f"the {word}") == f"the {MASK}"


def test_a_long_word_is_taken_out_of_files_and_paths() -> None:
    redactor = Redactor(["correcthorsebatterystaple"])
    path = "tests/correcthorsebatterystaple.spec.ts"
    assert redactor.redact_content(path.encode()) == f"tests/{MASK}.spec.ts".encode()
    assert redactor.redact_fact(FileChanged(path)) == FileChanged(f"tests/{MASK}.spec.ts")
    assert Redactor(["account"]).redact_content(b'{"account": 1}') == b'{"account": 1}'
    assert Redactor(["accounts"]).redact_content(b'{"accounts": 1}') == f'{{"{MASK}": 1}}'.encode()


def test_a_long_text_takes_no_time() -> None:
    redactor = Redactor([SECRET, *(f"value-{number}" for number in range(20))])
    text = "an ordinary line of a log that goes on and on\n" * 20_000
    began = time.thread_time()
    assert redactor.redact(text) == text
    assert time.thread_time() - began < 5
