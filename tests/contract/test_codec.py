"""Every EventCodec frames events alike: stores cut and join their bytes without knowing what is inside."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runtime.v1 import event_pb2
from agent_runtime_server.domain.event import Event
from agent_runtime_server.domain.task import Phase
from agent_runtime_server.ports import EventCodec
from agent_runtime_server.rpc.event_codec import ProtoEventCodec, split
from agent_runtime_server.testing.codec import JsonCodec, decode
from tests.unit.test_event_codec import NOW, PAYLOADS

Numbers = Callable[[bytes], list[tuple[int, str]]]


def proto_numbers(framed: bytes) -> list[tuple[int, str]]:
    return [(event.sequence, event.task_id) for event in event_pb2.TaskEventBatch.FromString(framed).events]


def json_numbers(framed: bytes) -> list[tuple[int, str]]:
    return [(event.sequence, event.task_id) for event in decode(framed)]


CODECS = [
    pytest.param(ProtoEventCodec(), proto_numbers, id="proto"),
    pytest.param(JsonCodec(), json_numbers, id="json"),
]


@pytest.mark.parametrize(("codec", "numbers"), CODECS)
@pytest.mark.parametrize("name", list(PAYLOADS))
def test_every_payload_is_one_framed_element(codec: EventCodec, numbers: Numbers, name: str) -> None:
    framed = codec.encode(Event("t", NOW, PAYLOADS[name], Phase.PLANNING), 7)
    assert list(split(framed)) == [framed]
    assert numbers(framed) == [(7, "t")]
    assert codec.encode(Event("t", NOW, PAYLOADS[name], Phase.PLANNING), 7) == framed


@pytest.mark.parametrize(("codec", "numbers"), CODECS)
@given(names=st.lists(st.sampled_from(list(PAYLOADS)), max_size=8), start=st.integers(1, 2**40))
def test_concatenated_elements_are_a_batch(codec: EventCodec, numbers: Numbers, names: list[str], start: int) -> None:
    parts = [codec.encode(Event("t", NOW, PAYLOADS[name]), n) for n, name in enumerate(names, start)]
    assert numbers(b"".join(parts)) == [(start + n, "t") for n in range(len(names))]
    assert list(split(b"".join(parts))) == parts
