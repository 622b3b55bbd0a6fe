"""How the code of a suite is: what its compiler and its linter say, and a few counts over its sources."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_runtime_server.adapters.toolchain import Toolchain
from tests.quality.rates import Rate
from tests.quality.suites import Suite

_LOCATORS = re.compile(
    r"\.(getByRole|getByLabel|getByPlaceholder|getByText|getByTestId|getByTitle|getByAltText|locator)\("
)
_BY_NAME = ("getByRole", "getByLabel")
_BAD = {
    "waitForTimeout": r"\bwaitForTimeout\(",
    "networkidle": r"['\"]networkidle['\"]",
    "XPath": r"locator\(\s*['\"`](?:xpath=|//|\.\.)",
    "CSS": r"locator\(\s*['\"`](?!xpath=|//|\.\.|body['\"`])",
    "nth": r"\.(?:nth\(|first\(\)|last\(\))",
    "fixme": r"\btest\.(?:fixme|skip|only)\(",
}
_TEST = re.compile(r"^\s*test\(", re.MULTILINE)
_LINT = """
import playwright from 'eslint-plugin-playwright';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['artifacts/', 'node_modules/'] },
  { languageOptions: { parser: tseslint.parser } },
  { ...playwright.configs['flat/recommended'], files: ['tests/**/*.spec.ts'] },
);
"""


@dataclass(frozen=True, slots=True)
class Code:
    """What is to be said of it."""

    compiler: int
    """Errors of ``tsc --noEmit``."""
    linter: dict[str, int]
    """Findings of eslint-plugin-playwright's recommended rules, by rule."""
    bad: dict[str, int]
    """Constructs that nobody should use, by name."""
    by_name: Rate
    """Locators by role or label."""
    asserting: Rate
    """Tests with at least one expectation."""


async def looked_at(suite: Suite, toolchain: Toolchain, folder: Path) -> Code:
    """What is to be said of a suite; ``folder`` is for a copy, which is linted by our rules, not by its own."""
    copy = suite.copied(folder)
    toolchain.link(copy.folder)
    (copy.folder / "eslint.config.mjs").write_text(_LINT)
    compiled = await _said(toolchain.command_tsc("--noEmit", "--pretty", "false"), copy.folder)
    linted = await _said(toolchain.command_eslint("--format", "json", "tests"), copy.folder)
    rules = Counter(
        str(message["ruleId"]) for file in json.loads(linted[linted.index("[") :]) for message in file["messages"]
    )
    sources = [file.read_text() for file in copy.specs()]
    locators = Counter(name for source in sources for name in _LOCATORS.findall(source))
    tests = [test for source in sources for test in _TEST.split(source)[1:]]
    bad = {name: sum(len(re.findall(pattern, source)) for source in sources) for name, pattern in _BAD.items()}
    return Code(
        compiler=compiled.count("error TS"),
        linter=dict(sorted(rules.items())),
        bad={name: count for name, count in bad.items() if count},
        by_name=Rate(sum(locators[name] for name in _BY_NAME), locators.total()),
        asserting=Rate(sum("expect" in test for test in tests), len(tests)),
    )


async def _said(command: Sequence[str], folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return said.decode(errors="replace")
