"""Scores as Markdown and JSON, with how many were looked at and how sure that is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from tests.quality import repairing
from tests.quality.adherence import asked_flows, asked_mutants, left_alone
from tests.quality.rates import Rate
from tests.quality.report import Report, Scores
from tests.quality.scoring import score

NOT_MEASURED = "not measured"
GOALS = {
    "stability": "99.5 %",
    "mutants": "70 %",
    "flows": "60 %",
    "templates": "85 %",
    "forms": "80 %",
    "asked flows": "90 %",
    "mutants of asked flows": "85 %",
    "excluded areas left alone": "100 %",
    "findings, recall": "90 %",
    "findings, precision": "80 %",
    "repairs right": "85 %",
    "repairs wrong": "at most 1 %",
    "removed elements refused": "100 %",
}


def figures(scores: Scores) -> dict[str, Rate | None]:
    """The rates of one suite, by what they are of; None for what has not been measured."""
    parts: dict[str, Rate | None] = {
        "stability": scores.survey.stability if scores.survey else None,
        "mutants": score(scores.tried) if scores.tried else None,
    }
    covered = scores.covered.rates if scores.covered else {}
    repaired = repairing.rates(scores.repairs) if scores.repairs else {}
    return {
        **parts,
        **{name: covered.get(name) for name in ("flows", "templates", "forms")},
        "asked flows": asked_flows(scores.adherence) if scores.adherence else None,
        "mutants of asked flows": asked_mutants(scores.adherence) if scores.adherence else None,
        "excluded areas left alone": left_alone(scores.adherence) if scores.adherence else None,
        "findings, recall": scores.findings.recall if scores.findings else None,
        "findings, precision": scores.findings.precision if scores.findings else None,
        **{name: repaired.get(name) for name in ("repairs right", "repairs wrong", "removed elements refused")},
    }


def tables_of(report: Report, command: str) -> str:
    """The tables of one app."""
    first = report.scores[0]
    lines = [
        f"# Suites of {report.app}",
        "",
        f"{stamp(command)}. {len(report.mutants)} mutants were sampled of "
        f"{len({change for changes in report.flows.values() for change in changes})}; {report.seconds / 60:.0f} min.",
        *_beyond(report),
        "",
        "Rates with how many were looked at, and their 95 % intervals.",
        "",
        *table(
            ["", "goal", *(each.name for each in report.scores)],
            [(name, goal, *(_shown(figures(each)[name]) for each in report.scores)) for name, goal in GOALS.items()],
        ),
        "",
    ]
    if report.same_again:
        parts = [f"{name} {'the same' if same else '**not** the same'}" for name, same in report.same_again.items()]
        lines += ["Made once more, byte by byte: " + ", ".join(parts) + ".", ""]
    if report.left_out:
        lines += ["Not measured: " + "; ".join(report.left_out) + ".", ""]
    if report.made:
        lines += [
            f"The suite was planned, generated and verified in {report.made.seconds:.0f} s (goal: 300 s), with "
            f"{report.made.tokens} tokens; with the run that is recorded it took {report.made.whole:.0f} s.",
            "",
        ]
    lines += [*_alarms(first), *_code(first), *_unstable(first), *_coverage(report), *_mutants(report)]
    lines += [*_adherence(first), *_findings(first), *_repairs(first)]
    return "\n".join(lines)


def _beyond(report: Report) -> list[str]:
    if not report.beyond:
        return []
    flows = ", ".join(report.beyond)
    return ["", f"No mutants were taken from flows that are not for the given user: {flows}. Coverage counts them."]


def stamp(command: str) -> str:
    """What was measured, when and how."""
    revision = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return f"Revision {revision or 'unknown'}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `{command}`"


def data_of(report: Report, command: str) -> dict[str, Any]:
    """The same for programs."""
    return {
        "app": report.app,
        "stamp": stamp(command),
        "seconds_to_make": report.made and round(report.made.seconds, 1),
        "tokens": report.made and report.made.tokens,
        "left_out": report.left_out,
        "same_again": report.same_again and dict(report.same_again),
        "suites": {
            each.name: {
                "tests": each.survey and each.survey.stability.n,
                "figures": {name: _plain(rate) for name, rate in figures(each).items()},
                "false_alarms": each.alarms and {name: _plain(rate) for name, rate in each.alarms.items()},
                "flows": each.covered and dict(each.covered.flows),
                "templates": each.covered and dict(each.covered.templates),
                "forms": each.covered and dict(each.covered.forms),
                "mutants": each.tried and {one.mutant.id: one.caught_by for one in each.tried},
            }
            for each in report.scores
        },
    }


def _plain(rate: Rate | None) -> dict[str, Any] | None:
    if rate is None:
        return None
    return {"hits": rate.hits, "n": rate.n, "interval": [round(bound, 4) for bound in rate.interval]}


def _shown(rate: Rate | None) -> str:
    return NOT_MEASURED if rate is None else str(rate)


def _alarms(scores: Scores) -> list[str]:
    rows = [(kind, str(rate)) for kind, rate in (scores.alarms or {}).items()]
    return _section("False alarms (goal: at most 2 % of the tests, none for names_changed)", ["change", "tests"], rows)


def _code(scores: Scores) -> list[str]:
    code = scores.code
    if code is None:
        return []
    rows = [
        ("errors of the compiler", "0", str(code.compiler)),
        ("findings of eslint-plugin-playwright", "0", _counts(code.linter)),
        ("constructs that nobody should use", "0", _counts(code.bad)),
        ("locators by role or label", "95 %", str(code.by_name)),
        ("tests that assert something", "100 %", str(code.asserting)),
    ]
    return _section("Code", ["", "goal", ""], rows)


def _counts(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name} {count}" for name, count in counts.items()) or "0"


def _unstable(scores: Scores) -> list[str]:
    failed = scores.survey.failed if scores.survey else {}
    return _section("Tests that do not pass each time", ["test", "failed"], [(t, str(n)) for t, n in failed.items()])


def _coverage(report: Report) -> list[str]:
    lines: list[str] = []
    for part in ("flows", "templates", "forms"):
        columns = [getattr(each.covered, part) if each.covered else {} for each in report.scores]
        rows = [
            (name, *(_yes(column.get(name), part == "flows" and each.covered and name in each.covered.acted_out)
                     for column, each in zip(columns, report.scores, strict=True)))
            for name in columns[0]
        ]  # fmt: skip
        lines += _section(part.capitalize(), [part, *(each.name for each in report.scores)], rows)
    return lines


def _yes(found: str | bool | None, acted_out: object) -> str:
    if found is None:
        return NOT_MEASURED
    if isinstance(found, str) and found:
        return _short(found)
    return "yes" if found else "acted out, outcome not asserted" if acted_out else "**no**"


def _mutants(report: Report) -> list[str]:
    columns = [{one.mutant.id: one for one in each.tried or ()} for each in report.scores]
    rows = []
    for mutant in report.mutants:
        cells = []
        for column in columns:
            one = column.get(mutant.id)
            lives = "**lives**" if one and one.met else "**lives**, not met"
            cells.append(NOT_MEASURED if one is None else _short(one.caught_by) or lives)
        rows.append((mutant.id, *cells))
    lines = _section("Mutants", ["mutant", *(f"caught by ({each.name})" for each in report.scores)], rows)
    return lines + _section("Equivalent mutants", ["mutant", "why"], report.equivalent.items())


def _adherence(scores: Scores) -> list[str]:
    rows = [
        (
            each.text,
            str(each.tests),
            "; ".join(f"{flow}: {_short(test) or '**no**'}" for flow, test in each.asked.items()),
            "; ".join(each.trespasses) or "none",
            str(score(each.tried)),
            "; ".join(one.mutant.id for one in each.tried if not one.caught_by) or "none",
        )
        for each in scores.adherence
    ]
    heads = ["instruction", "tests", "asked flows", "excluded requests", "mutants", "mutants that live"]
    return _section("Instructions", heads, rows)


def _findings(scores: Scores) -> list[str]:
    found = scores.findings
    if found is None:
        return []
    lines = _section(
        "Seeded defects", ["defect", "finding"], [(name, told or "**none**") for name, told in found.defects.items()]
    )
    lines += _section("New findings that are of no seeded defect", ["finding"], [(each,) for each in found.false])
    return lines + _section("Findings of the app as it is", ["finding"], [(each,) for each in found.before])


def _repairs(scores: Scores) -> list[str]:
    rows = [(each.change.id, _short(each.test), each.verdict) for each in scores.repairs or ()]
    return _section("Repairs", ["change", "test", "verdict"], rows)


def _short(test: str) -> str:
    return test.rpartition(" > ")[2]


def _section(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    known = list(rows)
    return [f"## {title}", "", *table(head, known), ""] if known else []


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in cells]
