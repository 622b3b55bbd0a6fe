"""What a test's source asserts."""

from __future__ import annotations

import pytest

from agent_runtime_server.domain.assertions import asserted, disabled, weakened

BEFORE = """
test('pays', async ({ page }) => {
  await page.getByRole('button', { name: 'Basket' }).click();
  await expect(page.getByRole('heading', { name: 'Basket' })).toHaveText('3 items');
  await expect(page.getByText('Total (VAT)')).toBeVisible();
  await expect(page.getByRole('list').filter({ hasText: 'Lamp' })).not.toHaveCount(0);
});
"""


def test_finds_matchers_arguments_and_text_looked_for() -> None:
    assert asserted(BEFORE) == {
        "await.toHaveText('3items')": 1,
        "await.toBeVisible()": 1,
        "getByText('Total(VAT)')": 1,
        "hasText:'Lamp'": 1,
        "await.not.toHaveCount(0)": 1,
    }


@pytest.mark.parametrize(
    ("old", "new", "is_weaker"),
    [
        ("name: 'Basket' }).click()", "name: 'Cart' }).click()", False),
        ("'heading', { name: 'Basket' }", "'heading', { name: 'Cart', exact: true }", False),
        (".toHaveText('3 items')", '.toHaveText(\n    "3 items",\n  )', False),
        ("});\n", "  await expect(page).toHaveURL(/done/);\n});\n", False),
        (".toHaveText('3 items')", ".toHaveText('2 items')", True),
        (".toHaveText('3 items')", ".toContainText('3 items')", True),
        (".not.toHaveCount(0)", ".toHaveCount(0)", True),
        ("getByText('Total (VAT)')", "getByText('Total')", True),
        ("hasText: 'Lamp'", "hasText: 'Chair'", True),
        ("  await expect(page.getByText('Total (VAT)')).toBeVisible();\n", "", True),
        ("  await expect(page.getByText('Total", "  // await expect(page.getByText('Total", True),
        ("  await expect(page.getByText('Total", "  /* why */ await expect(page.getByText('Total", False),
        ("  await expect(page.getByText('Total", "  expect(page.getByText('Total", True),
        (".toBeVisible();", ".toBeVisible().catch(() => {});", True),
        ("  await expect(page.getByText", "  if (await page.isClosed()) await expect(page.getByText", True),
        ("  await page.getByRole('button'", "  return;\n  await page.getByRole('button'", True),
        (
            "  await page.getByRole('button'",
            "  await page.route('**/*', (r) => r.abort());\n  await page.getByRole('button'",
            True,
        ),
        ("toHaveText('3 items')", "toHaveText('3 items') // it's so", False),
    ],
)
def test_tells_locators_from_assertions(old: str, new: str, is_weaker: bool) -> None:
    assert BEFORE.count(old) == 1
    assert weakened(BEFORE, BEFORE.replace(old, new)) is is_weaker


def test_strings_do_not_close_brackets() -> None:
    assert asserted("expect(page.locator(':text(\")\")')).toHaveText(`a) ${b}`, { timeout: 1 });") == {
        ".toHaveText(`a)${b}`,{timeout:1})": 1
    }


@pytest.mark.parametrize(
    "how", ["test.fixme(", "test.skip(", "test.fail(", "test.only(", "test['skip'](", "test.describe.skip("]
)
def test_a_disabled_test_is_seen(how: str) -> None:
    assert disabled(BEFORE, BEFORE.replace("test(", how))
    assert not disabled(BEFORE.replace("test(", how), BEFORE.replace("test(", how))


def test_a_constant_may_be_what_is_compared_with() -> None:
    source = "const total = '12';\nawait expect(page.locator('#t')).toHaveText(total);\n"
    assert weakened(source, source.replace("'12'", "'13'"))
    assert not weakened(source, source.replace("'#t'", "'#total'"))


def test_an_assertion_in_a_string_is_none() -> None:
    assert weakened("await expect(x).toBe(1);", "await log('await expect(x).toBe(1);');")
