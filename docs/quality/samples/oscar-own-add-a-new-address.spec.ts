// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Account', () => {
  test('“Add a new address” makes what was typed', { tag: ['@crud', '@form'] }, async ({ page, uid }) => {
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

    await test.step('Open /accounts/addresses/add/', async () => {
      await page.goto('/accounts/addresses/add/');
    });

    await test.step('Fill in the form and click “Save”', async () => {
      await page.getByLabel('First name', { exact: true }).fill('Alex');
      await page.getByLabel('Last name', { exact: true }).fill(`Morgan ${uid}`);
      await page.getByLabel('First line of address', { exact: true }).fill('1 Test Street');
      await page.getByLabel('City', { exact: true }).fill('London');
      await page.getByLabel('Post/Zip-code', { exact: true }).fill('SW1A 1AA');
      await page.getByLabel('Country', { exact: true }).selectOption({ label: 'United Kingdom' });
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByRole('row').filter({ hasText: uid })).toBeVisible();
      await expect(page.getByText("United Kingdom' created")).toBeVisible();
    });
  });
});
