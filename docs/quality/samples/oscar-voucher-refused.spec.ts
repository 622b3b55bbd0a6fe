// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Cart', () => {
  test('Refuses a voucher that there is not', { tag: ['@cart', '@negative'] }, async ({ page, uid }) => {
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
    });

    await test.step('Click “I have a voucher code...”', async () => {
      await page.getByRole('link', { name: 'I have a voucher code...', exact: true }).click();
    });

    await test.step('Try a voucher that there is not', async () => {
      await page.getByLabel('Code', { exact: true }).fill(`NONE-${uid}`);
      await page.getByRole('button', { name: 'Add voucher', exact: true }).click();
      await expect(page.getByText('No voucher found with code')).toBeVisible();
    });
  });
});
