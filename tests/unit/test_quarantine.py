"""Setting a test aside changes its marks and its imports, and nothing else."""

from __future__ import annotations

import posixpath

import pytest

from agent_runtime_server.domain.quarantine import path_of, set_aside


@pytest.mark.parametrize(
    ("path", "written", "expected"),
    [
        ("tests/a.spec.ts", "from './fixtures'", "from '../fixtures'"),
        ("tests/cart/a.spec.ts", "from '../fixtures'", "from '../../fixtures'"),
        ("tests/cart/a.spec.ts", "from './helper'", "from '../../cart/helper'"),
        ("tests/cart/deep/a.spec.ts", 'from "../../fixtures"', 'from "../../../fixtures"'),
        ("a.spec.ts", "from './tests/fixtures'", "from '../fixtures'"),
        ("tests/cart/a.spec.ts", "import '../setup'", "import '../../setup'"),
        ("tests/cart/a.spec.ts", "await import('../lazy')", "await import('../../lazy')"),
        ("tests/cart/a.spec.ts", "require('../old')", "require('../../old')"),
        ("tests/cart/a.spec.ts", "from '@playwright/test'", "from '@playwright/test'"),
        ("tests/cart/a.spec.ts", "page.goto('../cart')", "page.goto('../cart')"),
    ],
)
def test_imports_lead_to_the_same_files(path: str, written: str, expected: str) -> None:
    marked = set_aside(f"{written};\n", path, "unsteady")
    assert marked == f"// quarantined: unsteady\n{expected};\n"


def test_an_import_is_found_from_the_new_place() -> None:
    new = path_of("tests/a/b/c.spec.ts")
    assert posixpath.normpath(posixpath.join(posixpath.dirname(new), "../../../fixtures")) == "tests/fixtures"
    assert "'../../../fixtures'" in set_aside("import { test } from '../../fixtures';", "tests/a/b/c.spec.ts", "why")


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("test('a', f);", "test.fixme('a', f);"),
        ("  test('a', f);\n\n\ttest('b', f);", "  test.fixme('a', f);\n\n\ttest.fixme('b', f);"),
        ("test.describe('a', f);", "test.describe('a', f);"),
        ("test.step('a', f);", "test.step('a', f);"),
        ("await expect(test('a'));", "await expect(test('a'));"),
        ("contest('a');", "contest('a');"),
    ],
)
def test_tests_are_marked_and_nothing_else(written: str, expected: str) -> None:
    assert set_aside(written, "tests/quarantine/a.spec.ts", "why") == f"// quarantined: why\n{expected}"
