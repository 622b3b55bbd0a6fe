// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';
import { amount } from '../support';

test.describe('Cart', () => {
  test('Total is price times quantity', { tag: ['@cart'] }, async ({ page }) => {
    const prideAndPrejudiceParagraph = page
      .getByRole('article')
      .filter({ hasText: 'Pride and Prejudice' })
      .getByRole('paragraph')
      .filter({ hasText: '£' });
    const basketTotalRow = page.getByRole('table').getByRole('row').filter({ hasText: 'Basket total' });

    await test.step('Open /catalogue/', async () => {
      await page.goto('/catalogue/');
    });

    await test.step('Choose “Pride and Prejudice”', async () => {
      await page
        .getByRole('heading', { name: 'Pride and Prejudice', exact: true })
        .getByRole('link', { name: 'Pride and Prejudice', exact: true })
        .click();
    });

    const price = await test.step('Click “Add to basket”', async () => {
      const price = await amount(prideAndPrejudiceParagraph);
      await page.getByRole('button', { name: 'Add to basket', exact: true }).click();
      await expect(page.getByText('Pride and Prejudice has been added to your basket')).toBeVisible();
      return price;
    });

    await test.step('Open the cart', async () => {
      await page.getByRole('link', { name: 'View basket', exact: true }).click();
      await expect.poll(() => amount(basketTotalRow)).toBeCloseTo(price);
    });

    await test.step('Change the quantity of “Pride and Prejudice” to 3', async () => {
      await page.getByRole('spinbutton').fill('3');
      await page.getByRole('button', { name: 'Update', exact: true }).click();
      await expect(page.getByRole('spinbutton')).toHaveValue('3');
      await expect.poll(() => amount(basketTotalRow)).toBeCloseTo(price * 3);
    });
  });
});
