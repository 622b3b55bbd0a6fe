"""The demo, as `make demo` calls it: from an address to a green suite."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Tables
from tests.line.support import ROOT

KEYS = [
    "task_id",
    "status",
    "verdict",
    "tests",
    "passed",
    "flaky",
    "findings",
    "plan",
    "tests_dir",
    "report",
    "seconds",
]
LEAST_TESTS = 12
MOST_SECONDS = 300
SUBJECTS = {
    "a good sign-in": (r"right password", r"credentials\.password[\s\S]*await expect\(.*toBeVisible"),
    "a wrong sign-in": (r"wrong password", r"Wrong-[\s\S]*await expect\(.*(alert|incorrect|not correct|invalid)"),
    "search": (r"Finds", r"searchbox[\s\S]*await expect\(.*(toHaveCount|toContainText|toBeVisible)"),
    "cart totals": (r"[Tt]otal", r"expect\([\s\S]*(toBe|toBeCloseTo|toHaveText|toContainText)\("),
    "a checkout to the confirmation": (r"order|[Cc]heck", r"@checkout[\s\S]*await expect\(.*([Tt]hank|confirm|order)"),
}
"""What a suite of the shop must cover: by a test's title, and by what it does and asserts."""


@pytest.mark.timeout(900)
def test_demo(tmp_path: Path, tables: Tables) -> None:
    began = time.monotonic()
    done = subprocess.run(
        [ROOT / "bin/agent-runtime", "demo"], cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False
    )
    whole = time.monotonic() - began
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    outcome = json.loads(done.stdout.splitlines()[-1])
    tables.add(
        "The demo",
        [*KEYS[1:7], "seconds", "with start and stop"],
        [(*(outcome[key] for key in KEYS[1:7]), outcome["seconds"], round(whole))],
    )
    assert list(outcome) == KEYS
    assert (outcome["status"], outcome["verdict"], outcome["flaky"]) == ("completed", "passed", 0)
    assert outcome["tests"] == outcome["passed"] >= LEAST_TESTS
    assert whole < MOST_SECONDS
    assert "# " in (tmp_path / outcome["plan"]).read_text()
    assert (tmp_path / outcome["report"]).suffix == ".html"
    sources = [path.read_text() for path in (tmp_path / outcome["tests_dir"]).rglob("*.spec.ts")]
    for subject, (title, content) in SUBJECTS.items():
        of_title = [text for text in sources if re.search(rf"test\('.*(?:{title})", text)]
        assert of_title, f"no test is called after {subject}"
        assert any(re.search(content, text) for text in of_title), f"no test asserts {subject}"
