"""Amounts are seen whatever the currency and wherever its sign stands."""

import pytest

from agent_runtime_server.adapters.explorer.currency import amounts, currency


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("£3.50", [3.5]),
        ("3,50 €", [3.5]),
        ("CHF 1'250.00 or 99.90 kr", [1250.0, 99.9]),
        ("Mug 2 at $10.00", [10.0]),
        ("$1,234.50 each", [1234.5]),
        ("2 pieces, 7 left", []),
    ],
)
def test_amounts_of_a_text(text: str, found: list[float]) -> None:
    assert amounts(text) == found


def test_the_sign_of_the_first_amount() -> None:
    assert currency("Total 12,00 €") == "€"
    assert currency("Total 12") == ""
