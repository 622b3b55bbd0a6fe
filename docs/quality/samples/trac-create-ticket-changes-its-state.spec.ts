// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Records', () => {
  test('What “Create ticket” made can be set to “accept”', { tag: ['@crud', '@form'] }, async ({ page, uid }) => {
    const acceptedLink = page.getByRole('link', { name: 'accepted', exact: true });

    await test.step('Open /newticket', async () => {
      await page.goto('/newticket');
    });

    await test.step('Fill in the form and click “Create ticket”', async () => {
      await page.getByRole('textbox', { name: 'Summary:', exact: true }).fill(`Test ${uid}`);
      await page.getByRole('button', { name: 'Create ticket', exact: true }).click();
      await expect(page.getByRole('heading', { name: `Test ${uid}` })).toBeVisible();
    });

    await test.step('Open “Modify Ticket”', async () => {
      await page.getByRole('link', { name: 'Modify Ticket', exact: true }).click();
    });

    await test.step('Choose “accept” and click “Submit changes”', async () => {
      await page.getByRole('radio', { name: 'accept', exact: true }).check();
      await page.getByRole('button', { name: 'Submit changes', exact: true }).click();
      await expect(acceptedLink).toBeVisible();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(acceptedLink).toBeVisible();
    });
  });
});
