"""The explorer's process: one job in on standard input, typed lines out on standard output."""

from __future__ import annotations

import asyncio
import signal
import sys
import traceback

import msgspec

from agent_runtime_server.adapters.explorer.protocol import (
    BEAT_SECONDS,
    Beat,
    Failed,
    Job,
    Line,
    decode_job,
    encode,
)

MAX_JOB_BYTES = 8 << 20


def emit(line: Line) -> None:
    """Write one line, at once."""
    sys.stdout.buffer.write(encode(line) + b"\n")
    sys.stdout.buffer.flush()


async def run(job: Job) -> None:
    """Do the job, unless SIGTERM ends it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    beating = asyncio.create_task(_beat())
    try:
        match job.kind:
            case "plan":
                from agent_runtime_server.adapters.explorer import plan_job

                await plan_job.run(job, emit)
            case "generate":
                from agent_runtime_server.adapters.explorer import generate_job

                await generate_job.run(job, emit)
            case "set_up":
                from agent_runtime_server.adapters.explorer import set_up_job

                await set_up_job.run(job, emit)
            case "fix":
                from agent_runtime_server.adapters.explorer import fix_job

                await fix_job.run(job, emit)
    finally:
        beating.cancel()


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT_SECONDS)
        emit(Beat())


def main() -> int:
    """Exit code 0 when the last line was written, 143 after SIGTERM."""
    try:
        asyncio.run(run(decode_job(sys.stdin.buffer.readline(MAX_JOB_BYTES))))
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 128 + signal.SIGTERM
    except msgspec.MsgspecError as error:
        emit(Failed("agent_error", f"the job cannot be read: {error}"))
    except OSError as error:
        traceback.print_exc()
        full = error.errno in (28, 122)
        emit(Failed("disk_full" if full else "agent_error", f"{type(error).__name__}: {error.strerror or error}"))
    except Exception as error:  # The server must hear of it, whatever it is.
        traceback.print_exc()
        emit(Failed("agent_error", f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
