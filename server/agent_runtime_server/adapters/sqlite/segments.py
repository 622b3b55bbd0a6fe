"""Segments: runs of framed events, the form in which the log is stored, kept in memory and sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

SEGMENT_BYTES = 64 * 1024
"""Segments are merged up to this size; only one that holds a single event is bigger."""


class Segment(NamedTuple):
    """Consecutive framed events, from sequence ``first`` to ``last``."""

    first: int
    last: int
    framed: bytes


def pack(frames: Sequence[bytes], first: int) -> list[Segment]:
    """Framed events, the first of which has this sequence, as few segments."""
    return merge(Segment(sequence, sequence, frame) for sequence, frame in enumerate(frames, first))


def merge(segments: Iterable[Segment]) -> list[Segment]:
    """Consecutive segments joined into as few as the size allows; none is split."""
    merged: list[Segment] = []
    run: list[Segment] = []
    size = 0
    for segment in segments:
        if run and size + len(segment.framed) > SEGMENT_BYTES:
            merged.append(_join(run))
            run, size = [], 0
        run.append(segment)
        size += len(segment.framed)
    if run:
        merged.append(_join(run))
    return merged


def take(segments: Iterable[Segment], after: int, limit: int) -> Segment | None:
    """What comes after a sequence, at most ``limit`` bytes but one event at least; None if nothing does.

    Whole segments are taken where that is enough; the iterable is left as soon as it is.
    """
    taken: list[Segment] = []
    size = 0
    for segment in segments:
        if segment.last <= after:
            continue
        part = segment
        if segment.first <= after or (not taken and len(segment.framed) > limit):
            part = _cut(segment, after, limit)
        elif size + len(segment.framed) > limit:
            break
        taken.append(part)
        size += len(part.framed)
        if part.last < segment.last:
            break
    return _join(taken) if taken else None


def _join(run: Sequence[Segment]) -> Segment:
    if len(run) == 1:
        return run[0]
    return Segment(run[0].first, run[-1].last, b"".join(segment.framed for segment in run))


def _cut(segment: Segment, after: int, limit: int) -> Segment:
    """The events of a segment after a sequence, at most ``limit`` bytes but one at least."""
    framed = segment.framed
    first, start = segment.first, 0
    ends = _ends(framed)
    while first <= after:
        start = next(ends)
        first += 1
    if len(framed) - start <= limit:
        return Segment(first, segment.last, framed[start:])
    last, stop = first, next(ends)
    for end in ends:
        if end - start > limit:
            break
        last, stop = last + 1, end
    return Segment(first, last, framed[start:stop])


def _ends(framed: bytes) -> Iterator[int]:
    """Where each framed event ends: a tag of one byte, a length as varint, and as many bytes."""
    end = 0
    while end < len(framed):
        end += 1
        length = shift = 0
        while framed[end] & 0x80:
            length |= (framed[end] & 0x7F) << shift
            shift += 7
            end += 1
        length |= framed[end] << shift
        end += 1 + length
        yield end
