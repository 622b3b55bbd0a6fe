"""The faults that the shop can be started with, each a bug that a good test suite should catch."""

from typing import Literal, get_args

Fault = Literal["wrong-total", "swallowed-order", "broken-search", "open-sign-in", "missing-confirmation"]
"""What each one breaks:

- `wrong-total`: the total of cart, checkout and order is more than the sum of the lines
- `swallowed-order`: a valid checkout stores no order and leads back to the cart
- `broken-search`: every search finds every product
- `open-sign-in`: any e-mail with any password signs in
- `missing-confirmation`: the order is stored, but its confirmation has neither thanks nor order number
"""

FAULTS: tuple[Fault, ...] = get_args(Fault)
