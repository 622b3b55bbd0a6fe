// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, signedInState, test } from '../fixtures';

test.describe('Records', () => {
  test.use({ storageState: signedInState });

  test('What “Add a bill” made can be changed', { tag: ['@crud', '@form'] }, async ({ page, uid }) => {
    const whatField = page.getByRole('textbox', { name: 'What?', exact: true });
    const submitButton = page.getByRole('button', { name: 'Submit', exact: true });
    const changedRow = page.getByRole('main').getByRole('row').filter({ hasText: `Changed ${uid}` });

    await test.step('Open /rome/add', async () => {
      await page.goto('/rome/add');
    });

    await test.step('Fill in the form and click “Submit”', async () => {
      await page.getByRole('textbox', { name: 'When?', exact: true }).fill('2031-03-14');
      await whatField.fill(`Test ${uid}`);
      await page.getByRole('combobox', { name: 'Who paid?', exact: true }).selectOption({ label: 'Alice' });
      await page.getByRole('textbox', { name: 'How much?', exact: true }).fill('12.50');
      await submitButton.click();
      await expect(page.getByRole('main').getByRole('row').filter({ hasText: `Test ${uid}` })).toBeVisible();
    });

    await test.step('Click the link “edit”', async () => {
      await page
        .getByRole('main')
        .getByRole('row')
        .filter({ hasText: `Test ${uid}` })
        .getByRole('link', { name: 'edit', exact: true })
        .click();
      await expect(whatField).toHaveValue(`Test ${uid}`);
    });

    await test.step('Change “What?” and click “Submit”', async () => {
      await whatField.fill(`Changed ${uid}`);
      await submitButton.click();
      await expect(page.getByText('The bill has been modified')).toBeVisible();
      await expect(changedRow).toBeVisible();
      await expect(changedRow).toContainText('2031-03-14');
      await expect(changedRow).toContainText('Alice');
      await expect(changedRow).toContainText('12.50');
      await expect(page.getByText(`Test ${uid}`)).toBeHidden();
    });
  });
});
