"""``python -m tests.quality [--apps DIR]``: how good the suites are that the default driver makes.

Each one is scored beside a replay of it without its expectations, and a suite that only looks at titles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
from functools import partial
from pathlib import Path

from tests.quality import truth
from tests.quality.apps import app, scripts
from tests.quality.examining import examined
from tests.quality.overview import write_overview
from tests.quality.report import Report, Wanted
from tests.quality.tables import data_of, tables_of

SAMPLE = "shop"


async def main(options: argparse.Namespace, command: str) -> None:
    """Examine one app after the other, and write what came out as soon as it is known."""
    known = {SAMPLE: None} | (dict(scripts(options.apps)) if options.apps else {})
    unknown = sorted({*options.only, *options.suite} - known.keys())
    if unknown:
        raise SystemExit(f"there is no app {', '.join(unknown)}; there are {', '.join(known)}")
    for name in options.only or known:
        folder = options.build / name
        wanted = Wanted(options.mutants, options.runs, options.minutes, folder, options.suite.get(name), options.parts)
        with app(known[name], options.installs / name) as running:
            keep = partial(_write, options.out, command)
            keep(await examined(name, running, truth.of(name), wanted, keep))
        print(options.out / f"{name}.md")


def _write(folder: Path, command: str, report: Report) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{report.app}.md").write_text(tables_of(report, command))
    data = json.dumps(data_of(report, command), indent=1, sort_keys=True)
    (folder / f"{report.app}.json").write_text(data + "\n")
    write_overview(folder)


def _suite(said: str) -> tuple[str, Path]:
    name, _, folder = said.partition("=")
    if not folder or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{said!r} is not NAME=FOLDER")
    return name, Path(folder).resolve()


def _command(options: argparse.Namespace) -> str:
    """What to run for the same figures, whatever the folders of the machine are called."""
    said = ["python", "-m", "tests.quality", *(["--apps", "DIR"] if options.apps else [])]
    said += ["--only", *options.only] if options.only else []
    for name in ("mutants", "runs", "minutes"):
        said += [f"--{name}", f"{getattr(options, name):g}"]
    said += ["--parts", *options.parts] if options.parts else []
    for name in options.suite:
        said += ["--suite", f"{name}=FOLDER"]
    return shlex.join(said)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tests.quality", description=__doc__)
    parser.add_argument("--apps", type=Path, help="a folder with scripts that install and start apps, NAME.sh")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these apps, and no others")
    parser.add_argument("--mutants", type=int, default=28, help="how many faults are tried")
    parser.add_argument("--runs", type=int, default=10, help="how often the suite is run for stability")
    parser.add_argument("--minutes", type=float, default=45, help="the budget of an app")
    parser.add_argument(
        "--suite", type=_suite, action="append", default=[], metavar="NAME=FOLDER", help="take this one"
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        default=[],
        metavar="STEP",
        help="steps with one of these in their names only, such as repair, instruction, suite: mutation; by themselves "
        "their tables are no whole ones, so give a folder for them with --out",
    )
    parser.add_argument("--installs", type=Path, default=Path("build/apps"), help="where apps are installed")
    parser.add_argument("--build", type=Path, default=Path("build/quality"), help="where work is kept")
    parser.add_argument("--out", type=Path, default=Path("docs/quality"), help="where tables are written")
    options = parser.parse_args()
    options.suite = dict(options.suite)
    for name in ("installs", "build", "out"):
        setattr(options, name, getattr(options, name).resolve())
    return options


if __name__ == "__main__":
    given = _options()
    asyncio.run(main(given, _command(given)))
