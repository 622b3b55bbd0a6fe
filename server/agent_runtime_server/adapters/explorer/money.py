r"""The first number in a text, money included, whatever the currency and the locale.

The rule, the same in the helper that generated tests use:

1. A number starts at the first digit. A minus sign (or hyphen) right before it, or before one currency sign, makes
   it negative, unless a letter or digit comes before the minus (``SKU-12`` is 12).
2. One mark (point, comma, apostrophe or space) that stands before groups of digits of which the last has exactly three
   groups thousands: ``1,234`` ``1.234`` ``1 234 567``; Indian groups of two too. Then ``.`` or ``,``, whichever was not
   the mark, starts the decimals. A number that begins with 0 has no groups: ``0.125``.
3. Anything else: digits, then ``.`` or ``,`` and decimals if any: ``9`` ``12,50`` ``3.14159``.
"""

from __future__ import annotations

import re

# Named groups apart, this is also a JavaScript pattern.
_SIGN = "(?P<minus>(?<![0-9A-Za-z])[-\u2212](?=[$\u00a3\u00a5\u20a0-\u20bf]?[0-9])[$\u00a3\u00a5\u20a0-\u20bf]?)?"
_GROUPED = (
    "(?P<groups>[1-9][0-9]{0,2}(?P<mark>[.,'\u2019 \u00a0\u2009\u202f])(?:[0-9]{2,3}(?P=mark))*[0-9]{3})"
    "(?![0-9])(?:(?!(?P=mark))[.,](?P<cents>[0-9]+))?"
)
_PLAIN = "(?P<whole>[0-9]+)(?:[.,](?P<decimals>[0-9]+))?"
PATTERN = f"{_SIGN}(?:{_GROUPED}|{_PLAIN})"

_NUMBER = re.compile(PATTERN)


def number_in(text: str) -> float | None:
    """The first number in a text, or ``None`` when it has none."""
    match = _NUMBER.search(text)
    if match is None:
        return None
    whole = match["whole"] or match["groups"].replace(match["mark"], "")
    decimals = match["decimals"] or match["cents"] or "0"
    number = float(f"{whole}.{decimals}")
    return -number if match["minus"] else number


def javascript_pattern() -> str:
    r"""The same pattern as the body of a JavaScript regular expression, in ASCII with ``\u`` escapes."""
    pattern = PATTERN.replace("(?P<", "(?<").replace("(?P=mark)", r"\k<mark>")
    return "".join(char if char.isascii() else f"\\u{ord(char):04x}" for char in pattern)
