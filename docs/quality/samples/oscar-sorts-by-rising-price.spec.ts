// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';
import { amounts, order } from '../support';

test.describe('Catalogue', () => {
  test('Sorts by rising price', { tag: ['@catalogue'] }, async ({ page }) => {
    await test.step('Open /catalogue/', async () => {
      await page.goto('/catalogue/');
    });

    await test.step('Choose “Price low to high”', async () => {
      await page.getByRole('combobox', { name: 'Sort by', exact: true }).selectOption({ label: 'Price low to high' });
      await expect.poll(async () => order(await amounts(page.getByRole('article')))).toBe('rising');
    });
  });
});
