"""Files over HTTP: artifacts, session files and archives, whole or in part; and uploads."""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from agent_runtime.v1 import artifact_pb2, service_pb2
from agent_runtime_server.rest.bindings import BINDINGS, Binding
from agent_runtime_server.rest.calls import JSON, fill, fill_from_address
from agent_runtime_server.rest.json_out import to_json
from agent_runtime_server.rest.problems import refusal
from agent_runtime_server.rest.ranges import Span, Unsatisfiable, disposition, is_known, span_of
from agent_runtime_server.rest.routing import NAME, Operation
from agent_runtime_server.rest.sending import Streamed, only_headers
from agent_runtime_server.rest.upstream import Upstream

UPLOAD_PATH = f"/v1/sessions/{{session_id:{NAME}}}/files/{{path:path}}"
_PIECE_BYTES = 1024 * 1024
"""Most bytes of a message."""
PIECE_SECONDS = 60.0
"""How long an upload may bring nothing."""
_MEDIA_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+(;[ -~]*)?", re.ASCII)
_SANDBOX = "sandbox; default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"


def operations(upstream: Upstream) -> list[Operation]:
    """Every stream of pieces of a file, and the upload."""
    downloads = [
        Operation(binding.verb, binding.route, partial(_download, binding, upstream))
        for binding in BINDINGS
        if binding.chunked
    ]
    return [*downloads, Operation("PUT", UPLOAD_PATH, partial(_upload, upstream))]


@dataclass(frozen=True)
class File:
    """Something to read, and how it is shown."""

    upstream: Upstream
    method: str
    request: Any
    name: str
    """Of the file; one without a suffix gets that of its type."""
    inline_policy: str = ""
    """Content-Security-Policy under which the file is shown whatever it is; empty: only if that is harmless."""

    async def open(self, offset: int = 0, limit: int = 0) -> tuple[artifact_pb2.FileChunk, AsyncGenerator[bytes, None]]:
        """The first piece, which tells about the file, and all pieces' bytes."""
        request = type(self.request)()
        request.CopyFrom(self.request)
        if offset:
            request.read_offset = offset
        if limit:
            request.read_limit = limit
        messages = self.upstream.stream(self.method, request)
        first = await anext(messages, None)
        chunk = artifact_pb2.FileChunk() if first is None else first.chunk
        return chunk, _bytes(chunk.data, messages)

    def headers(self, about: artifact_pb2.FileChunk) -> dict[str, str]:
        """What is said of the file in every answer."""
        media_type = _sound(about.media_type)
        suffix = mimetypes.guess_extension(media_type.partition(";")[0]) or ""
        name = self.name if "." in self.name else self.name + suffix
        said = {
            "content-type": media_type,
            "content-disposition": "inline" if self.inline_policy else disposition(media_type, name),
            "content-security-policy": self.inline_policy or _SANDBOX,
            "x-content-type-options": "nosniff",
            "cache-control": "private, no-cache",
        }
        if about.sha256:
            said |= {"etag": f'"{about.sha256}"', "accept-ranges": "bytes"}
        return said


def _sound(media_type: str) -> str:
    """A media type that a header can hold: tests choose those of what they attach. Texts are UTF-8."""
    if not _MEDIA_TYPE.fullmatch(media_type):
        return "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") and ";" not in media_type else media_type


async def _bytes(first: bytes, messages: AsyncGenerator[Any, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(messages):
        yield first
        async for message in messages:
            yield message.chunk.data


async def _download(binding: Binding, upstream: Upstream, request: Request) -> Response:
    message = binding.request_type()
    fill_from_address(binding, message, request)
    variables = request.path_params
    name = variables.get("path") or variables.get("artifact_id") or variables["session_id"]
    return await answer(File(upstream, binding.method.name, message, name.rpartition("/")[2]), request)


async def answer(file: File, request: Request) -> Response:
    """The file, or a part of it, or that the caller has it."""
    conditional = request.method == "HEAD" or not {"range", "if-none-match"}.isdisjoint(request.headers)
    in_parts = getattr(file.request, "read_offset", 0) or getattr(file.request, "read_limit", 0)
    if not conditional or in_parts or "read_offset" not in file.request.DESCRIPTOR.fields_by_name:
        return await _whole(file, request)
    about, pieces = await file.open(limit=1)
    await pieces.aclose()
    headers = file.headers(about)
    if is_known(request.headers, headers["etag"]):
        return Response(status_code=304, headers=headers)
    try:
        span = span_of(request.headers, about.size_bytes, headers["etag"])
    except Unsatisfiable:
        told = {"content-range": f"bytes */{about.size_bytes}"}
        raise refusal(416, f"the file has {about.size_bytes} bytes", told) from None
    if request.method == "HEAD" or span is None:
        return await _whole(file, request)
    return await _part(file, about, span)


async def _whole(file: File, request: Request) -> Response:
    about, pieces = await file.open()
    headers = file.headers(about)
    if about.sha256:
        left = about.size_bytes - about.offset
        limit = file.request.read_limit
        headers["content-length"] = str(min(left, limit) if limit else left)
    if request.method == "HEAD":
        await pieces.aclose()
        return only_headers(headers)
    return Streamed(pieces, 200, headers)


async def _part(file: File, known: artifact_pb2.FileChunk, span: Span) -> Response:
    about, pieces = await file.open(span.start, span.end - span.start)
    if about.sha256 != known.sha256:
        await pieces.aclose()
        raise refusal(409, "the file is being changed: ask again")
    headers = file.headers(about) | {
        "content-range": f"bytes {span.start}-{span.end - 1}/{about.size_bytes}",
        "content-length": str(span.end - span.start),
    }
    return Streamed(pieces, 206, headers)


async def _upload(upstream: Upstream, request: Request) -> Response:
    header = service_pb2.WriteSessionFileHeader()
    fill(header, request, ("session_id", "path"))
    try:
        response = await upstream.upload("WriteSessionFile", _requests(header, request))
    except ClientDisconnect:
        raise refusal(400, "the file ended early") from None
    return Response(to_json(response.file), media_type=JSON)


async def _requests(
    header: service_pb2.WriteSessionFileHeader, request: Request
) -> AsyncGenerator[service_pb2.WriteSessionFileRequest, None]:
    yield service_pb2.WriteSessionFileRequest(header=header)
    offset = 0
    pieces = request.stream()
    while (data := await _next(pieces)) is not None:
        for start in range(0, len(data), _PIECE_BYTES):
            piece = data[start : start + _PIECE_BYTES]
            chunk = artifact_pb2.FileChunk(offset=offset, data=piece)
            offset += len(piece)
            yield service_pb2.WriteSessionFileRequest(chunk=chunk)


async def _next(pieces: AsyncGenerator[bytes, None]) -> bytes | None:
    try:
        async with asyncio.timeout(PIECE_SECONDS):
            return await anext(pieces, None)
    except TimeoutError:
        message = f"no more of the file has come within {PIECE_SECONDS:g} s"
        raise refusal(408, message, {"connection": "close"}) from None
