"""What a suite without judgement would be: every page is visited, and has its title."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from agent_runtime_server.adapters.explorer.scaffold import suite_files

ANYWHERE = "http://app.test/"
"""Where the app is, a run says: this suite is the same each time, so that what is known of it is found again."""


def write(folder: Path, titles: Mapping[str, str]) -> None:
    """Write the no-op suite of an app whose pages have these titles, by path."""
    files = suite_files(ANYWHERE, None, "none")
    tests = [
        f"test({json.dumps(f'opens {path}')}, async ({{ page }}) => {{\n"
        f"  await page.goto({json.dumps(path)});\n"
        f"  await expect(page).toHaveTitle({json.dumps(title)});\n}});\n"
        for path, title in sorted(titles.items())
    ]
    files["tests/pages.spec.ts"] = "\n".join(["import { expect, test } from './fixtures';\n", *tests])
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
