"""Uploads of the door to its own server that are refused on their way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent_runtime.v1 import artifact_pb2, service_pb2
from agent_runtime_server.rest.problems import Refused
from agent_runtime_server.rest.upstream import Upstream
from tests.rest.support import PATIENCE, door

UPLOAD = "WriteSessionFile"


@pytest.mark.parametrize("write_fails", [False, True], ids=["before a write", "in a write"])
async def test_the_answer_is_the_server_s(write_fails: bool, tmp_path: Path) -> None:
    async with door(tmp_path) as at:
        upstream = Upstream(at.line.channel, PATIENCE)
        calls: list[Any] = []
        open_call = upstream._calls[UPLOAD]

        def opened() -> Any:
            calls.append(open_call())
            return calls[0]

        upstream._calls[UPLOAD] = opened

        async def endless() -> AsyncIterator[service_pb2.WriteSessionFileRequest]:
            header = service_pb2.WriteSessionFileHeader(session_id="nowhere", path="a.txt")
            yield service_pb2.WriteSessionFileRequest(header=header)
            async with asyncio.timeout(PATIENCE):
                while not calls[0].done():
                    await asyncio.sleep(0.01)
            if write_fails:  # as grpc.aio does for a write that was under way
                calls[0]._cython_call.set_internal_error("the batch failed")
            while True:
                yield service_pb2.WriteSessionFileRequest(chunk=artifact_pb2.FileChunk(data=b"more"))

        with pytest.raises(Refused) as caught:
            await upstream.upload(UPLOAD, endless())
        assert caught.value.http == 404
        assert len(caught.value.status.details) > 0
