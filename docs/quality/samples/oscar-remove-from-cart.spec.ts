// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Cart', () => {
  test('Takes a product out of the cart', { tag: ['@cart'] }, async ({ page }) => {
    const prideAndPrejudiceHeading = page.getByRole('heading', { name: 'Pride and Prejudice', exact: true, level: 3 });

    await test.step('Open /catalogue/', async () => {
      await page.goto('/catalogue/');
    });

    await test.step('Choose “Pride and Prejudice”', async () => {
      await page
        .getByRole('heading', { name: 'Pride and Prejudice', exact: true })
        .getByRole('link', { name: 'Pride and Prejudice', exact: true })
        .click();
    });

    await test.step('Click “Add to basket”', async () => {
      await page.getByRole('button', { name: 'Add to basket', exact: true }).click();
      await expect(page.getByText('Pride and Prejudice has been added to your basket')).toBeVisible();
    });

    await test.step('Open the cart', async () => {
      await page.getByRole('link', { name: 'View basket', exact: true }).click();
      await expect(prideAndPrejudiceHeading).toBeVisible();
    });

    await test.step('Click “Remove” in the line of “Pride and Prejudice”', async () => {
      await page.getByRole('link', { name: 'Remove', exact: true }).click();
      await expect(prideAndPrejudiceHeading).toBeHidden();
      await expect(page.getByText('Your basket is now empty')).toBeVisible();
    });
  });
});
