"""Calls of the door to its own server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent_runtime.v1 import artifact_pb2, service_pb2
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.upstream import Upstream
from tests.rest.support import PATIENCE, Door, door


async def test_an_upload_that_is_refused_on_its_way_ends_then(tmp_path: Path) -> None:
    async def endless(at: Door) -> AsyncIterator[service_pb2.WriteSessionFileRequest]:
        header = service_pb2.WriteSessionFileHeader(session_id="nowhere", path="a.txt")
        yield service_pb2.WriteSessionFileRequest(header=header)
        offset = 0
        while True:
            await at.line.runtime.GetServerInfo(service_pb2.GetServerInfoRequest())  # meanwhile it is refused
            chunk = artifact_pb2.FileChunk(offset=offset, data=b"more")
            offset += len(chunk.data)
            yield service_pb2.WriteSessionFileRequest(chunk=chunk)

    async with door(tmp_path) as at:
        with pytest.raises(Refused) as caught:
            await Upstream(at.line.channel, PATIENCE).upload("WriteSessionFile", endless(at))
        assert caught.value.http == 404
