// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Sign-in', () => {
  test('Signs out', { tag: ['@auth'] }, async ({ signedInPage: page }) => {
    const logoutLink = page.getByRole('link', { name: 'Logout', exact: true });

    await test.step('Open the start page, signed in', async () => {
      await page.goto('/');
    });

    await test.step('Click the link “Logout”', async () => {
      await logoutLink.click();
      await expect(logoutLink).toBeHidden();
      await expect(page.getByRole('link', { name: 'Login or register', exact: true })).toBeVisible();
    });

    await test.step('Open /accounts/profile/', async () => {
      await page.goto('/accounts/profile/');
      await expect(
        page
          .locator('form')
          .filter({ has: page.getByRole('button', { name: 'Log In', exact: true }) })
          .getByLabel('Password', { exact: true }),
      ).toBeVisible();
    });
  });
});
