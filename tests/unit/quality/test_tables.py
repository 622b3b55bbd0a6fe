"""What is written of an app, and of all of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

from tests.quality.adherence import Adherence
from tests.quality.changes import PageChange, WireChange
from tests.quality.coverage import Covered
from tests.quality.overview import write_overview
from tests.quality.rates import Rate
from tests.quality.repairing import Repair
from tests.quality.report import Report, Scores
from tests.quality.scoring import Survey, Tried
from tests.quality.seeded import Findings
from tests.quality.tables import data_of, tables_of

SWALLOWED = WireChange("swallowed", "POST", "/add")
SURVEY = Survey(Rate(3, 4), frozenset({"a.spec.ts > Items > are added"}), {}, {}, {"b.spec.ts > Items > flicker": 2})


def report() -> Report:
    made = Report("site", {"add": [SWALLOWED]}, [SWALLOWED], {"styles_off": "nobody sees it"}, ["audit"])
    covered = Covered({"add": "a.spec.ts > Items > are added", "look": ""}, frozenset({"add", "look"}), {"/": True}, {})
    tried = [Tried(SWALLOWED, "a.spec.ts > Items > are added")]
    made.scores = [
        Scores("suite", SURVEY, covered, tried, {"wrapped": Rate(0, 4)}),
        Scores("titles only", SURVEY, None, [Tried(SWALLOWED, "", met=False)]),
    ]
    lives = Tried(WireChange("swallowed", "POST", "/drop"), "")
    suite, titles = made.scores
    suite.adherence = [Adherence("Test adding | only.", 2, {"add": ""}, ["GET /admin"], [*tried, lives])]
    suite.repairs = [
        Repair(PageChange("reworded", text="Add"), "are added", "right"),
        Repair(PageChange("gone", text="Add"), "are added", "wrong"),
    ]
    titles.repairs = [replace(each, verdict="refused") for each in suite.repairs]
    suite.findings = Findings({"server_error GET /": "500"}, ["made up"], [])
    titles.findings = Findings({"server_error GET /": ""}, [], [])
    made.same_again = {"plan": True, "tests": False}
    made.left_out = ["false alarms"]
    return made


def test_what_there_was_no_time_for_is_no_rate() -> None:
    begun = report()
    begun.scores[0].tried = []
    begun.scores[0].repairs = []
    lines = tables_of(begun, "").splitlines()
    assert "| mutants | 70 % | not measured | 0.0% of 1 (0.0% to 79.3%) |" in lines
    assert "| repairs right | 85 % | not measured | 0.0% of 1 (0.0% to 79.3%) |" in lines


def test_the_page_of_an_app() -> None:
    told = tables_of(report(), "make quality")
    for line in (
        "| mutants | 70 % | 100.0% of 1 (20.7% to 100.0%) | 0.0% of 1 (0.0% to 79.3%) |",
        "| flows | 60 % | 50.0% of 2 (9.5% to 90.5%) | not measured |",
        "| asked flows | 90 % | 0.0% of 1 (0.0% to 79.3%) | not measured |",
        "| mutants of asked flows | 85 % | 50.0% of 2 (9.5% to 90.5%) | not measured |",
        "| repairs right | 85 % | 100.0% of 1 (20.7% to 100.0%) | 0.0% of 1 (0.0% to 79.3%) |",
        "| removed elements refused | 100 % | 0.0% of 1 (0.0% to 79.3%) | 100.0% of 1 (20.7% to 100.0%) |",
        "| findings, recall | 90 % | 100.0% of 1 (20.7% to 100.0%) | 0.0% of 1 (0.0% to 79.3%) |",
        "| findings, precision | 80 % | 50.0% of 2 (9.5% to 90.5%) | none of 0 |",
        "Made once more, byte by byte: plan the same, tests **not** the same.",
        "Not measured: false alarms.",
        "| add | are added | not measured |",
        "| look | acted out, outcome not asserted | not measured |",
        "| swallowed POST /add | are added | **lives**, not met |",
        "| styles_off | nobody sees it |",
        "| b.spec.ts > Items > flicker | 2 |",
        "| Test adding \\| only. | 2 | add: **no** | GET /admin | 50.0% of 2 (9.5% to 90.5%) | swallowed POST /drop |",
        "No mutants were taken from flows that are not for the given user: audit. Coverage counts them.",
    ):
        assert line in told.splitlines(), line


def test_all_apps_as_they_were_the_last_time(tmp_path: Path) -> None:
    for name in ("other", "site"):
        data = data_of(report(), "make quality") | {"app": name}
        (tmp_path / f"{name}.json").write_text(json.dumps(data))
    write_overview(tmp_path)
    page = (tmp_path / "README.md").read_text()
    assert "|  | goal | [other](other.md) | [site](site.md) |" in page
    assert "| mutants | 70 % | 100.0% of 1 (20.7% to 100.0%) | 100.0% of 1 (20.7% to 100.0%) |" in page
    assert "| the same plan and tests again | yes | no: tests | no: tests |" in page
    plots = {name: (tmp_path / f"{name}.svg").read_bytes() for name in ("overview", "other", "site")}
    for plot in plots.values():
        assert ElementTree.fromstring(plot).tag.endswith("svg")
    assert b"3 of 4" in plots["overview"]
    assert b"not measured" in plots["site"]
    write_overview(tmp_path)
    assert plots == {name: (tmp_path / f"{name}.svg").read_bytes() for name in plots}
