"""For schemathesis: every other request is for something that is there, as random names never are."""

from __future__ import annotations

import os
from typing import Any

import schemathesis

_PREFIX = "FUZZ_"
_KNOWN = {name.removeprefix(_PREFIX).lower(): text for name, text in os.environ.items() if name.startswith(_PREFIX)}
_asked = 0


@schemathesis.hook
def map_path_parameters(context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    global _asked
    _asked += 1
    if not parameters or _asked % 2 or context.operation.method.upper() == "DELETE":
        return parameters
    known = _KNOWN | ({"task_id": _KNOWN["asking_task_id"]} if "input_id" in parameters else {})
    return parameters | {name: known[name] for name in parameters if name in known}
