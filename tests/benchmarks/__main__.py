"""``python -m tests.benchmarks [--quick] [--rows 1,5] [--rounds N] [--json FILE]``."""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.benchmarks.rows import ROWS, Row
from tests.benchmarks.sample import Sample


def main() -> int:
    """Run interleaved rounds and print the table; 1 when a row is under half of its goal (or over twice)."""
    parser = argparse.ArgumentParser(prog="tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small round")
    parser.add_argument("--rows", default="", help="numbers of rows, such as 1,5")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the samples to this file too")
    options = parser.parse_args()
    wanted = {int(number) for number in options.rows.split(",") if number}
    rows = [row for row in ROWS if not wanted or row.number in wanted]
    samples: dict[int, list[Sample]] = {row.number: [] for row in rows}
    order = random.Random(1)
    for number in range(1 if options.quick else options.rounds):
        for row in order.sample(rows, len(rows)):
            begin = time.monotonic()
            samples[row.number].append(row.measure(options.quick))
            took = time.monotonic() - begin
            print(f"round {number + 1}, row {row.number}: {samples[row.number][-1]} ({took:.0f} s)", file=sys.stderr)
    revision = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    print(f"Revision {revision.stdout.strip() or 'unknown'}, {datetime.now(UTC):%Y-%m-%d}, median (least to most).\n")
    print("| # | metric | limit | ours | ratio | goal | | notes |\n| --- | --- | --- | --- | --- | --- | --- | --- |")
    worst = 0
    for row in rows:
        line, grade = report(row, samples[row.number])
        print(line)
        worst = max(worst, grade)
    if options.json:
        found = {str(number): [vars_of(sample) for sample in taken] for number, taken in samples.items()}
        options.json.write_text(json.dumps(found, indent=1))
    return 1 if worst == 2 else 0


def vars_of(sample: Sample) -> dict[str, object]:
    """A sample's fields."""
    return {"limit": sample.limit, "ours": sample.ours, "ratio": sample.ratio, "note": sample.note}


def report(row: Row, taken: list[Sample]) -> tuple[str, int]:
    """A row of the table, and 0 for a goal met, 1 for one missed, 2 for a bone set wrong."""
    ratios = [sample.ratio for sample in taken]
    ratio = statistics.median(ratios)
    ours = statistics.median(sample.ours for sample in taken)
    limit = statistics.median(sample.limit for sample in taken)
    excess = statistics.median(row.excess(sample) for sample in taken)
    grade = 0 if excess <= 1 else 1 if excess <= 2 else 2
    word = ("met", "missed", "wrong")[grade]
    spread = f"{ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    digits = 1 if row.unit == "s" else 0
    figures = f"{row.limit}: {limit:,.{digits}f} {row.unit} | {ours:,.{digits}f} {row.unit}"
    return f"| {row.number} | {row.metric} | {figures} | {spread} | {row.goal} | {word} | {taken[-1].note} |", grade


if __name__ == "__main__":
    raise SystemExit(main())
