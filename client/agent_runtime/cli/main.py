"""The ``agent-runtime`` command: what it raises is an exit code, and one message on stderr for an error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from agent_runtime.cli import serving


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line. Raises SystemExit."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and arguments[0] == "serve":
        sys.exit(serving.serve(arguments[1:]))
    return _run(arguments)


def _run(arguments: Sequence[str]) -> int:
    # Loaded here: a server needs none of it.
    import typer

    from agent_runtime.cli.commands import build
    from agent_runtime.cli.exits import ExitCode, code_of_error
    from agent_runtime.cli.output import printable
    from agent_runtime.errors import AgentRuntimeError

    try:
        build()(args=arguments, prog_name="agent-runtime")
    except AgentRuntimeError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        return code_of_error(error)
    except OSError as error:
        typer.echo(f"error: {printable(str(error))}", err=True)
        return ExitCode.FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())
