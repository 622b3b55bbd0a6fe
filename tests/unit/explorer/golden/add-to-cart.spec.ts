// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';
import { amount, amounts, sum, textOf } from '../support';

test.describe('Cart & more', () => {
  test("a product's line and total", { tag: ['@cart'] }, async ({ signedInPage: page, uid }) => {
    const nameField = page.getByLabel('Name', { exact: true });
    const giftField = page.getByLabel('Gift', { exact: true });
    const addToCartButton = page.getByRole('button', { name: 'Add to cart', exact: true });
    const row = page.getByRole('row').filter({ hasText: uid });
    const totalStatus = page.getByRole('paragraph').filter({ hasText: 'Total' }).getByRole('status');
    const cell = page.getByRole('table').getByRole('cell', { name: '£1,200.50', exact: true });

    const { price, productName } = await test.step('Open the product', async () => {
      await page.goto('/');
      await page
        .getByRole('list', { name: 'Products', exact: true })
        .getByRole('link', { name: 'Blue mug', exact: true })
        .click();
      const price = await amount(page.getByTestId('price'));
      const productName = await textOf(page.getByRole('heading', { level: 1 }));
      await expect(page).toHaveURL(/^https?:\/\/[^/]+\/product\/[^/]*$/);
      await expect(page.getByRole('button', { name: 'Buy', exact: true })).toBeDisabled();
      return { price, productName };
    });

    await test.step('Add it ${twice}', async () => {
      const rows = await page.getByRole('row').count();
      await nameField.fill(`me ${uid}`);
      await page.getByLabel('Mail', { exact: true }).fill(`tg+${uid}@example.com`);
      await page.getByLabel('Size', { exact: true }).selectOption({ label: 'Large' });
      await giftField.check();
      await addToCartButton.click();
      await expect(row).toBeVisible();
      await expect(page.getByRole('row')).toHaveCount(rows + 1);
      await expect.poll(async () => (await page.getByRole('row').count()) - 1).toBeCloseTo(rows);
      await expect(page.getByRole('status').filter({ hasText: 'added' })).toHaveText('It\'s "added" \\ `1`');
      await expect.poll(() => amount(totalStatus)).toBeCloseTo(price);
      await expect(giftField).toBeChecked();
      await expect(nameField).toHaveValue(`me ${uid}`);
    });

    await test.step('Add it again', async () => {
      await row.hover();
      await addToCartButton.click();
      await expect(async () => {
        expect(await amount(totalStatus)).toBeCloseTo(sum(await amounts(cell)));
      }).toPass();
      await expect(async () => {
        expect(await amount(totalStatus)).toBeCloseTo((await amount(page.getByTestId('price'))) * 2);
      }).toPass();
      await expect.poll(async () => sum(await amounts(cell))).toBeCloseTo(price * 2);
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(row).toBeHidden();
      await expect(page.getByRole('heading', { level: 1 })).toContainText(productName);
      await expect(giftField).not.toBeChecked();
    });
  });
});
