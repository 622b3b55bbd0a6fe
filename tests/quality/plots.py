"""Rates with their intervals as SVG; the same figures give the same bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from tests.quality.rates import Rate

_LEFT, _WIDTH, _RIGHT, _ROW, _TOP = 240, 400, 90, 18, 56
_COLOURS = ("#1b6ca8", "#d1842c", "#7a7a7a", "#4b8b3b", "#8e4585")


def plot(
    title: str, rows: Mapping[str, Sequence[Rate | None]], columns: Sequence[str], goals: Mapping[str, float]
) -> str:
    """A group of bars for each row, one for each column; a whisker is the 95 % interval, a red line the goal."""
    height = _TOP + sum(len(columns) * _ROW + 12 for _ in rows) + 24
    width = _LEFT + _WIDTH + _RIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        _text(8, 20, title, weight="bold"),
    ]
    for number, column in enumerate(columns):
        x = 8 + number * 190
        parts += [_box(x, 30, 10, 10, _COLOURS[number % len(_COLOURS)]), _text(x + 14, 39, column)]
    y = _TOP
    for name, rates in rows.items():
        parts.append(_text(8, y + 13, name))
        for number, rate in enumerate(rates):
            parts += _bar(y + number * _ROW, rate, _COLOURS[number % len(_COLOURS)])
        if name in goals:
            goal = _LEFT + goals[name] * _WIDTH
            parts.append(_line(goal, y - 2, goal, y + len(columns) * _ROW, "#c00000"))
        y += len(columns) * _ROW + 12
    parts += [_line(_LEFT, _TOP - 6, _LEFT, y - 8, "#333333")]
    parts += [_text(_LEFT + share * _WIDTH / 100 - 10, y + 8, f"{share} %") for share in (0, 50, 100)]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _bar(y: float, rate: Rate | None, colour: str) -> list[str]:
    if rate is None or not rate.n:
        return [_text(_LEFT + 4, y + 12, "not measured" if rate is None else "none of 0", colour="#999999")]
    low, high = (_LEFT + bound * _WIDTH for bound in rate.interval)
    return [
        _box(_LEFT, y + 2, rate.share * _WIDTH, _ROW - 6, colour),
        _line(low, y + _ROW / 2 - 1, high, y + _ROW / 2 - 1, "#111111"),
        _text(_LEFT + _WIDTH + 8, y + 12, f"{rate.hits} of {rate.n}"),
    ]


def _text(x: float, y: float, text: str, *, colour: str = "#111111", weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-weight="{weight}">{escape(text)}</text>'


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}" fill-opacity="0.8"/>'
    )


def _line(x: float, y: float, to_x: float, to_y: float, colour: str) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}"/>'
