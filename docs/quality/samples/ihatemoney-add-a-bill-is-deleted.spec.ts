// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, signedInState, test } from '../fixtures';

test.describe('Records', () => {
  test.use({ storageState: signedInState });

  test('What “Add a bill” made can be deleted', { tag: ['@crud', '@form'] }, async ({ page, uid }) => {
    const testRow = page.getByRole('main').getByRole('row').filter({ hasText: `Test ${uid}` });

    await test.step('Open /rome/add', async () => {
      await page.goto('/rome/add');
    });

    await test.step('Fill in the form and click “Submit”', async () => {
      await page.getByRole('textbox', { name: 'When?', exact: true }).fill('2031-03-14');
      await page.getByRole('textbox', { name: 'What?', exact: true }).fill(`Test ${uid}`);
      await page.getByRole('combobox', { name: 'Who paid?', exact: true }).selectOption({ label: 'Alice' });
      await page.getByRole('textbox', { name: 'How much?', exact: true }).fill('12.50');
      await page.getByRole('button', { name: 'Submit', exact: true }).click();
      await expect(testRow).toBeVisible();
    });

    await test.step('Click the button “delete”', async () => {
      await testRow.getByRole('button', { name: 'delete', exact: true }).click();
    });

    await test.step('Click the button “Are you sure?”', async () => {
      await testRow.getByRole('button', { name: 'Are you sure?', exact: true }).click();
      await expect(page.getByText('The bill has been deleted')).toBeVisible();
      await expect(testRow).toBeHidden();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(testRow).toBeHidden();
    });
  });
});
