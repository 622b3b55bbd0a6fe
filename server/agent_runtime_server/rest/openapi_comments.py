"""What the comments of the contract say, by full name, out of the descriptor set that is made with the stubs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

_DESCRIPTORS = "api.binpb"
_FOR_TOOLS = "buf:lint:"
"""How a line begins that is meant for a tool, not for readers."""
_WRAPPED = re.compile(r"(?<!\n)\n(?![\n*-])")
"""The end of a line that neither ends a paragraph nor is before an item of a list: some readers would show it."""
_MESSAGES, _ENUMS, _SERVICES = 4, 5, 6
_FIELDS, _NESTED, _NESTED_ENUMS, _ONEOFS = 2, 3, 4, 8
_MEMBERS = 2
"""Numbers of fields of descriptors: a place in a file is a path of these and of positions."""
_Place = tuple[int, ...]


class Comments:
    """Comments of messages, fields, enums, their values, services and methods."""

    def __init__(self, descriptors: bytes) -> None:
        self._texts: dict[str, str] = {}
        for file in FileDescriptorSet.FromString(descriptors).file:
            self._read(file)

    @classmethod
    def shipped(cls) -> Comments:
        """Those of the contract that this server was made with."""
        return cls(files("agent_runtime_server.rest").joinpath(_DESCRIPTORS).read_bytes())

    def of(self, full_name: str) -> str:
        """The comment of what has this name, in Markdown; empty if there is none."""
        return self._texts.get(full_name, "")

    def _read(self, file: FileDescriptorProto) -> None:
        texts = {tuple(place.path): place.leading_comments for place in file.source_code_info.location}
        for place, name in _names(file):
            if text := _clean(texts.get(place, "")):
                self._texts[f"{file.package}.{name}"] = text


def _names(file: FileDescriptorProto) -> Iterator[tuple[_Place, str]]:
    yield from _of_messages((_MESSAGES,), file.message_type, "")
    yield from _of_enums((_ENUMS,), file.enum_type, "")
    yield from _of_parents((_SERVICES,), file.service, "", "method", _MEMBERS)


def _of_messages(at: _Place, messages: Iterable[Any], prefix: str) -> Iterator[tuple[_Place, str]]:
    yield from _of_parents(at, messages, prefix, "field", _FIELDS)
    for index, message in enumerate(messages):
        inside = f"{prefix}{message.name}."
        for number, oneof in enumerate(message.oneof_decl):
            yield (*at, index, _ONEOFS, number), inside + oneof.name
        yield from _of_messages((*at, index, _NESTED), message.nested_type, inside)
        yield from _of_enums((*at, index, _NESTED_ENUMS), message.enum_type, inside)


def _of_enums(at: _Place, enums: Iterable[Any], prefix: str) -> Iterator[tuple[_Place, str]]:
    yield from _of_parents(at, enums, prefix, "value", _MEMBERS)


def _of_parents(
    at: _Place, parents: Iterable[Any], prefix: str, children: str, number: int
) -> Iterator[tuple[_Place, str]]:
    for index, parent in enumerate(parents):
        yield (*at, index), prefix + parent.name
        for position, child in enumerate(getattr(parent, children)):
            yield (*at, index, number, position), f"{prefix}{parent.name}.{child.name}"


def _clean(comment: str) -> str:
    lines = (line.removeprefix(" ").rstrip() for line in comment.splitlines())
    text = "\n".join(line for line in lines if not line.startswith(_FOR_TOOLS)).strip()
    return _WRAPPED.sub(" ", text)
