"""Output: values as words, tables and JSON, safe to print wherever they came from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Annotated, Any

import typer
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message


class Format(Enum):
    """How a command prints."""

    TEXT = "text"
    JSON = "json"


FormatOption = Annotated[Format, typer.Option("--output", "-o", help="How to print.")]


def one_line(text: str) -> str:
    """Text of any origin on one line: lines joined by " | ", control characters, which steer terminals, left out."""
    lines = (line.strip() for line in text.replace("\t", " ").splitlines())
    return "".join(character for character in " | ".join(filter(None, lines)) if character.isprintable())


def printable(text: str) -> str:
    """Text of any origin on its own lines, without what steers terminals."""
    return "\n".join("".join(filter(str.isprintable, line.replace("\t", "    "))) for line in text.splitlines())


def word(message: Message, field: str) -> str:
    """An enum field in lower case without its prefix: TASK_STATUS_RUNNING is "running"; "" for the unspecified."""
    number: int = getattr(message, field)
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    assert enum is not None, field
    names = enum.values_by_number
    if number not in names:
        return f"unknown ({number})"
    return names[number].name.removeprefix(names[0].name.removesuffix("UNSPECIFIED")).lower() if number else ""


def seconds(value: float) -> str:
    """A length of time: "1.2 s", "2 min 05 s"."""
    if value < 60:
        return f"{value:.1f} s"
    return f"{int(value) // 60} min {int(value) % 60:02d} s"


def size(count: int) -> str:
    """A number of bytes: "512 B", "1.5 MB"."""
    value, units = float(count), ["B", "kB", "MB", "GB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.0f} {units[0]}" if units[0] == "B" else f"{value:.1f} {units[0]}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows in aligned columns, none cut short."""
    lines = [list(header), *([one_line(cell) for cell in row] for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def as_dict(message: Message) -> dict[str, Any]:
    """A message as proto JSON with the field names of the contract."""
    document: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return document


def print_json(document: object) -> None:
    """Print one JSON document for a person or a program."""
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


def print_json_line(document: object) -> None:
    """Print one JSON document as one line, at once."""
    typer.echo(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def print_deleted(what: str, name: str, output: Format) -> None:
    """Tell that something is gone."""
    if output is Format.JSON:
        print_json({"deleted": name})
    else:
        typer.echo(f"{what} {one_line(name)} is deleted")
