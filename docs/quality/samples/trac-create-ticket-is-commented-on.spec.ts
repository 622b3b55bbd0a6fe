// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Records', () => {
  test('What “Create ticket” made can be commented on', { tag: ['@crud', '@form'] }, async ({ page, uid }) => {
    const aTestHasThisText = page.getByText(`A test has this to say, ${uid}.`, { exact: true });

    await test.step('Open /newticket', async () => {
      await page.goto('/newticket');
    });

    await test.step('Fill in the form and click “Create ticket”', async () => {
      await page.getByRole('textbox', { name: 'Summary:', exact: true }).fill(`Test ${uid}`);
      await page.getByRole('button', { name: 'Create ticket', exact: true }).click();
      await expect(page.getByRole('heading', { name: `Test ${uid}` })).toBeVisible();
    });

    await test.step('Write a comment and click “Submit changes”', async () => {
      await page
        .getByRole('textbox', { name: 'You may use WikiFormatting here.', exact: true })
        .fill(`A test has this to say, ${uid}.`);
      await page.getByRole('button', { name: 'Submit changes', exact: true }).click();
      await expect(aTestHasThisText).toBeVisible();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(aTestHasThisText).toBeVisible();
    });
  });
});
