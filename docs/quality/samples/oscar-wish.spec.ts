// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Wishes', () => {
  test('Puts a product on the list of wishes', { tag: ['@crud'] }, async ({ page, uid }) => {
    const registerForm = page
      .locator('form')
      .filter({ has: page.getByRole('button', { name: 'Register', exact: true }) });

    await test.step('Register a new user', async () => {
      await page.goto('/accounts/login/');
      await registerForm.getByLabel('Email address', { exact: true }).fill(`tg+${uid}@example.com`);
      await registerForm.getByLabel('Password', { exact: true }).fill(`Fresh-Pass-${uid}`);
      await page.getByLabel('Confirm password', { exact: true }).fill(`Fresh-Pass-${uid}`);
      await page.getByRole('button', { name: 'Register', exact: true }).click();
      await expect(page.getByRole('link', { name: 'Logout', exact: true })).toBeVisible();
    });

    await test.step('Open /catalogue/', async () => {
      await page.goto('/catalogue/');
    });

    await test.step('Choose “Pride and Prejudice”', async () => {
      await page
        .getByRole('heading', { name: 'Pride and Prejudice', exact: true })
        .getByRole('link', { name: 'Pride and Prejudice', exact: true })
        .click();
    });

    await test.step('Click “Add to wish list”', async () => {
      await page.getByRole('button', { name: 'Add to wish list', exact: true }).click();
      await expect(page.getByText("Pride and Prejudice' was added to your wish list")).toBeVisible();
    });

    await test.step('Open /accounts/wishlists/', async () => {
      await page.goto('/accounts/wishlists/');
    });

    await test.step('Open “Default”', async () => {
      await page.getByRole('link', { name: 'Default', exact: true }).click();
      await expect(page.getByRole('row').filter({ hasText: 'Pride and Prejudice' })).toBeVisible();
    });
  });
});
