"""One page over all apps that have been measured, each one as it was the last time."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.quality.plots import plot
from tests.quality.rates import Rate
from tests.quality.tables import GOALS, table

SUITE = "suite"
_BARS = {
    "stability": 0.995,
    "mutants": 0.7,
    "flows": 0.6,
    "templates": 0.85,
    "forms": 0.8,
    "asked flows": 0.9,
    "findings, recall": 0.9,
    "repairs right": 0.85,
}


def write_overview(folder: Path) -> None:
    """Write README.md and the plots from the figures in a folder: overview.svg, and NAME.svg of each app."""
    apps = [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"))]
    names = [app["app"] for app in apps]
    rows = {name: [_rate(app["suites"][SUITE]["figures"].get(name)) for app in apps] for name in GOALS}
    for app in apps:
        (folder / f"{app['app']}.svg").write_text(_of_one(app))
    (folder / "overview.svg").write_text(
        plot("Suites of all apps", {name: rates for name, rates in rows.items() if name in _BARS}, names, _BARS)
    )
    lines = [
        "# How good the explorer's suites are",
        "",
        "What is measured, and how, is said in `tests/quality`. Rates with how many were looked at, and their 95 % "
        "intervals; each app's page has the details, and the same figures of two baselines: a replay of the suite "
        "without its expectations, and a suite that only looks at titles.",
        "",
        "![Rates of all apps](overview.svg)",
        "",
        *table(
            ["", "goal", *(f"[{name}]({name}.md)" for name in names)],
            [
                *((name, GOALS[name], *map(_shown, rates)) for name, rates in rows.items()),
                ("seconds to make", "at most 300", *(str(app["seconds_to_make"] or "not measured") for app in apps)),
                ("tokens", "0", *(_said(app["tokens"]) for app in apps)),
                ("the same plan and tests again", "yes", *(_same(app["same_again"]) for app in apps)),
                ("not measured", "", *("; ".join(app["left_out"]) or "nothing" for app in apps)),
            ],
        ),
        "",
        *(f"- {app['app']}: {app['stamp']}" for app in apps),
    ]
    (folder / "README.md").write_text("\n".join(lines) + "\n")


def _of_one(app: Mapping[str, Any]) -> str:
    suites: Mapping[str, Any] = app["suites"]
    rows: dict[str, Sequence[Rate | None]] = {
        name: [_rate(suite["figures"].get(name)) for suite in suites.values()] for name in _BARS
    }
    return plot(f"Suites of {app['app']}", rows, list(suites), _BARS)


def _rate(written: Mapping[str, Any] | None) -> Rate | None:
    return None if written is None else Rate(written["hits"], written["n"])


def _shown(rate: Rate | None) -> str:
    return "not measured" if rate is None else str(rate)


def _said(value: object) -> str:
    return "not measured" if value is None else str(value)


def _same(parts: Mapping[str, bool] | None) -> str:
    if parts is None:
        return "not measured"
    return "yes" if all(parts.values()) else "no: " + ", ".join(name for name, same in parts.items() if not same)
