"""A small web shop, served from memory, for the explorer and the tests to work on.

`python -m tests.apps.shop` runs it; `tests.apps.shop.launch.Shop` runs it from a test.
"""

from tests.apps.shop.faults import FAULTS, Fault
from tests.apps.shop.looks import LOOKS, Look
from tests.apps.shop.store import CUSTOMER_EMAIL, CUSTOMER_NAME, CUSTOMER_PASSWORD

__all__ = ["CUSTOMER_EMAIL", "CUSTOMER_NAME", "CUSTOMER_PASSWORD", "FAULTS", "LOOKS", "Fault", "Look"]
