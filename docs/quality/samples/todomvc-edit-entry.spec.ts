// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Entries', () => {
  test('Changes an entry', { tag: ['@crud'] }, async ({ page, uid }) => {
    const whatNeedsToBeField = page.getByRole('textbox', { name: 'What needs to be done?', exact: true });
    const entryText = page.getByText(`Entry ${uid}`, { exact: true });
    const textbox = page.getByRole('listitem').getByRole('textbox');
    const editedText = page.getByText(`Edited ${uid}`, { exact: true });

    await test.step('Open /examples/backbone/', async () => {
      await page.goto('/examples/backbone/');
    });

    await test.step('Type a first entry and press Enter', async () => {
      await whatNeedsToBeField.fill(`Entry ${uid}`);
      await whatNeedsToBeField.press('Enter');
      await expect(entryText).toBeVisible();
    });

    await test.step('Type a second entry and press Enter', async () => {
      await whatNeedsToBeField.fill(`Second ${uid}`);
      await whatNeedsToBeField.press('Enter');
      await expect(page.getByText(`Second ${uid}`, { exact: true })).toBeVisible();
    });

    await test.step('Open the first entry, change its text and press Enter', async () => {
      await entryText.dblclick();
      await textbox.fill(`Edited ${uid}`);
      await textbox.press('Enter');
      await expect(editedText).toBeVisible();
      await expect(entryText).toBeHidden();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(editedText).toBeVisible();
    });
  });
});
