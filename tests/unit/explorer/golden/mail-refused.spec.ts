// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, signedInState, test } from '../fixtures';
import { refused } from '../support';

test.describe('Cart & more', () => {
  test.use({ storageState: signedInState });

  test('refuses a wrong mail', { tag: ['@form', '@negative'] }, async ({ page }) => {
    const mailField = page.getByLabel('Mail', { exact: true });

    await test.step('Send the form', async () => {
      await page.goto('/product/1');
      await mailField.fill('no mail');
      await page.getByRole('button', { name: 'Add to cart', exact: true }).click();
      await expect(refused(mailField)).toBeVisible();
      await expect(page.getByRole('cell', { name: '£1,200.50', exact: true })).toBeHidden();
    });
  });
});
