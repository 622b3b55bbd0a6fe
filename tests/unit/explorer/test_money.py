from __future__ import annotations

import json
import subprocess

import pytest

from agent_runtime_server.adapters.explorer.money import javascript_pattern, number_in
from agent_runtime_server.adapters.explorer.typescript import NUMBER_IN

TABLE = [
    ("", None),
    ("free", None),
    ("$9", 9),
    ("£1,234.50", 1234.5),
    ("12,50 €", 12.5),
    ("1.234,56 €", 1234.56),
    ("1.234 €", 1234),
    ("1 234 567,8 kr", 1234567.8),
    ("1\u202f234,50\u00a0€", 1234.5),
    ("CHF 1'234.05", 1234.05),
    ("CHF 1\u2019234.05", 1234.05),
    ("₹12,34,567.50", 1234567.5),
    ("Total: 3 x 4", 3),
    ("0.125 kg", 0.125),
    ("3.14159", 3.14159),
    ("12.345678", 12.345678),
    ("-5", -5),
    ("\u2212£5.50", -5.5),
    ("£-5.50", -5.5),
    ("SKU-12", 12),
    ("Items - 7", 7),
    ("1,2,3", 1.2),
    ("2026-11-22", 2026),
    ("(12 items)", 12),
    ("¥10000", 10000),
    ("007", 7),
]


@pytest.mark.parametrize(("text", "number"), TABLE)
def test_number_in(text: str, number: float | None) -> None:
    assert number_in(text) == number


def test_the_helper_of_generated_tests_reads_the_same_numbers() -> None:
    assert javascript_pattern().isascii()
    script = NUMBER_IN.replace("export ", "").replace("text: string): number | null", "text)")
    script += f"\nconst texts = {json.dumps([text for text, _ in TABLE])};"
    script += "\nconsole.log(JSON.stringify(texts.map((text) => numberIn(text))));"
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [number for _, number in TABLE]
