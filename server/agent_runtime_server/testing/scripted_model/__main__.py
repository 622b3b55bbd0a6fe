"""``python -m agent_runtime_server.testing.scripted_model --script FILE``: a scripted model for tests elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from agent_runtime_server.testing.scripted_model import ScenarioError, ScriptedModel


def main() -> int:
    """Serve until a signal; tell the address in one line of JSON."""
    parser = argparse.ArgumentParser(prog="scripted_model", description="A model endpoint that plays scenarios.")
    parser.add_argument("--script", required=True, type=Path, help="a JSON file of scenarios")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args()
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # A connection that breaks as scripted is no error.
    try:
        model = ScriptedModel(msgspec.json.decode(options.script.read_bytes()), port=options.port)
        with suppress(KeyboardInterrupt):
            asyncio.run(_serve(model))
    except (msgspec.DecodeError, ScenarioError) as error:
        return _refused(f"{options.script}: {error}")
    except OSError as error:
        return _refused(str(error))
    return 0


def _refused(why: str) -> int:
    print(f"scripted_model: {why}", file=sys.stderr)
    return 2


async def _serve(model: ScriptedModel) -> None:
    async with model:
        print(json.dumps({"listening": model.base_url}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
