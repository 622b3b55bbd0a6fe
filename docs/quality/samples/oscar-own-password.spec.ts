// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Account', () => {
  test('A changed password is the one that lets in', { tag: ['@auth', '@form'] }, async ({ page, uid }) => {
    const registerForm = page
      .locator('form')
      .filter({ has: page.getByRole('button', { name: 'Register', exact: true }) });
    const logoutLink = page.getByRole('link', { name: 'Logout', exact: true });
    const logInForm = page.locator('form').filter({ has: page.getByRole('button', { name: 'Log In', exact: true }) });

    await test.step('Register a new user', async () => {
      await page.goto('/accounts/login/');
      await registerForm.getByLabel('Email address', { exact: true }).fill(`tg+${uid}@example.com`);
      await registerForm.getByLabel('Password', { exact: true }).fill(`Fresh-Pass-${uid}`);
      await page.getByLabel('Confirm password', { exact: true }).fill(`Fresh-Pass-${uid}`);
      await page.getByRole('button', { name: 'Register', exact: true }).click();
      await expect(logoutLink).toBeVisible();
    });

    await test.step('Open /accounts/change-password/', async () => {
      await page.goto('/accounts/change-password/');
    });

    await test.step('Change the password', async () => {
      await page.getByLabel('Old password', { exact: true }).fill(`Fresh-Pass-${uid}`);
      await page.getByLabel('New password', { exact: true }).fill(`Other-Pass-${uid}`);
      await page.getByLabel('New password confirmation', { exact: true }).fill(`Other-Pass-${uid}`);
      await page.getByRole('button', { name: 'Save', exact: true }).click();
      await expect(page.getByText('Password updated')).toBeVisible();
    });

    await test.step('Click the link “Logout”', async () => {
      await logoutLink.click();
    });

    await test.step('Sign in with the new password', async () => {
      await page.goto('/accounts/login/');
      await logInForm.getByLabel('Email address', { exact: true }).fill(`tg+${uid}@example.com`);
      await logInForm.getByLabel('Password', { exact: true }).fill(`Other-Pass-${uid}`);
      await page.getByRole('button', { name: 'Log In', exact: true }).click();
      await expect(logoutLink).toBeVisible();
    });
  });
});
