"""Shares and their intervals, against published values."""

from __future__ import annotations

import math

import pytest

from tests.quality.rates import Rate


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_published_intervals(hits: int, n: int, low: float, high: float) -> None:
    assert Rate(hits, n).interval == pytest.approx((low, high), abs=5e-5)


def test_all_of_them_mirrors_none_of_them() -> None:
    low, high = Rate(20, 20).interval
    assert (low, high) == pytest.approx((1 - 0.1611, 1), abs=5e-5)


def test_nothing_is_known_of_nothing() -> None:
    assert math.isnan(Rate(0, 0).share)
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert str(Rate(0, 0)) == "none of 0"
    assert str(Rate(1, 2)) == "50.0% of 2 (9.5% to 90.5%)"
