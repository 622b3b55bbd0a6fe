"""Scores as Markdown, with how many were looked at and how sure that is."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime

from tests.quality.changes import Change
from tests.quality.scoring import Scores, score


def tables_of(app: str, scores: Sequence[Scores], mutants: Sequence[Change], seconds: float) -> str:
    """The tables of one app. ``seconds`` is what the suite of the first score took to be made."""
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    lines = [
        f"# Suites of the {app}",
        "",
        f"Revision {revision.stdout.strip() or 'unknown'}, {datetime.now(UTC):%Y-%m-%d}; {len(mutants)} mutants; "
        f"the suite of `{scores[0].name}` was made in {seconds:.0f} s. Rates with their 95 % intervals.",
        "",
        *_table(
            ["suite", "tests", "mutants caught", "stable", "false alarms"],
            [
                (
                    each.name,
                    str(each.tests),
                    str(score(each.tried)),
                    str(each.stability),
                    "; ".join(f"{kind} {rate.hits}" for kind, rate in each.alarms.items()) + f" of {each.tests}",
                )
                for each in scores
            ],
        ),
        "",
        "## Mutants",
        "",
        *_table(
            ["mutant", *(f"caught by ({each.name})" for each in scores)],
            [
                (mutant.id, *(each.tried[number].caught_by.rpartition(" > ")[2] or "**lives**" for each in scores))
                for number, mutant in enumerate(mutants)
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
