"""Actions stay, expectations go."""

from __future__ import annotations

from tests.quality.replay import acting_only

SOURCE = """
test('buys; a lamp', async ({ page }) => {
  const total = await amount(page.getByText('Total; all of it'));
  await page.getByRole('button', { name: 'expect (this)' }).click();
  await expect(page.getByRole('status')).toHaveText('Added; "one" (1');
  await expect
    .poll(async () => {
      const now = await amount(page.getByText(`Total ${1 + 1};`));
      return now;
    })
    .toBe(total);
  expect(page.url()).toMatch(/[(;"']+/);
  await page.goto('/cart');
});
"""
ACTING = """
test('buys; a lamp', async ({ page }) => {
  const total = await amount(page.getByText('Total; all of it'));
  await page.getByRole('button', { name: 'expect (this)' }).click();
  await page.goto('/cart');
});
"""


def test_statements_that_expect_are_left_out_whatever_they_say() -> None:
    acting = acting_only(SOURCE)
    assert "\n".join(line for line in acting.splitlines() if line.strip()) == ACTING.strip()
