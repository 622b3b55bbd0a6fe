// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Sign-in', () => {
  test.describe.configure({ timeout: 120_000 });

  test(
    'Signs in with the right password, and out again',
    { tag: ['@auth', '@smoke'] },
    async ({ page, credentials }) => {
      const logInButton = page.getByRole('button', { name: 'Log in', exact: true });
      const billsLink = page.getByRole('link', { name: 'Bills', exact: true });

      await expect(async () => {
        await test.step('Open the sign-in page', async () => {
          await page.goto('/');
        });

        await test.step('Sign in with the right user name and password', async () => {
          await page.getByRole('textbox', { name: 'Project identifier', exact: true }).fill(credentials.username);
          await page
            .getByRole('textbox', { name: 'Private code Private code', exact: true })
            .fill(credentials.password);
          await logInButton.click();
          await expect(billsLink).toBeVisible();
        });
      }).toPass({ intervals: [20_000], timeout: 90_000 });

      await test.step('Open the menu “Trip to Rome”', async () => {
        await page.getByRole('link', { name: 'Trip to Rome', exact: true }).click();
      });

      await test.step('Click the button “Logout”', async () => {
        await page.getByRole('button', { name: 'Logout', exact: true }).click();
        await expect(page.getByText('Log in to an existing project')).toBeVisible();
        await expect(billsLink).toBeHidden();
        await expect(logInButton).toBeVisible();
      });
    },
  );
});
