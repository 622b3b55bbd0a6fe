"""Seeing amounts of money in the texts of an app, whatever the currency and wherever its sign stands."""

from __future__ import annotations

import re

from agent_runtime_server.adapters.explorer.money import number_in

_SIGN = r"(?:[$€£¥₹₽₺₩₪฿]|\b(?:USD|EUR|GBP|CHF|NOK|SEK|DKK|PLN|CZK|JPY|CAD|AUD|kr|zł)\b\.?)"
_DIGITS = r"\d(?:[\d.,'\u00a0\u202f]*\d)?"
_MONEY = re.compile(rf"(?P<before>{_SIGN})\s?(?P<first>{_DIGITS})|(?P<second>{_DIGITS})\s?(?P<after>{_SIGN})")


def amounts(text: str) -> list[float]:
    """The amounts of money in a text, in order; a number without a currency is none."""
    found = (number_in(match["first"] or match["second"]) for match in _MONEY.finditer(text))
    return [amount for amount in found if amount is not None]


def currency(text: str) -> str:
    """The currency sign of the first amount in a text, or ``""``."""
    found = _MONEY.search(text)
    return (found["before"] or found["after"]) if found else ""


def same(left: float, right: float) -> bool:
    """Equal to half a cent."""
    return abs(left - right) < 0.005
