// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Entries', () => {
  test('Changes an entry', { tag: ['@crud'] }, async ({ page, uid }) => {
    const whatNeedsToBeField = page.getByRole('textbox', { name: 'What needs to be done?', exact: true });
    const entryItem = page.getByRole('listitem').filter({ hasText: `Entry ${uid}` });
    const secondItem = page.getByRole('listitem').filter({ hasText: `Second ${uid}` });
    const entryField = entryItem.getByRole('textbox');
    const editedItem = page.getByRole('listitem').filter({ hasText: `Edited ${uid}` });

    await test.step('Open /examples/backbone/', async () => {
      await page.goto('/examples/backbone/');
    });

    await test.step('Type a first entry and press Enter', async () => {
      await whatNeedsToBeField.fill(`Entry ${uid}`);
      await whatNeedsToBeField.press('Enter');
      await expect(entryItem).toBeVisible();
    });

    await test.step('Type a second entry and press Enter', async () => {
      await whatNeedsToBeField.fill(`Second ${uid}`);
      await whatNeedsToBeField.press('Enter');
      await expect(secondItem).toBeVisible();
    });

    await test.step('Open the first entry, change its text and press Enter', async () => {
      await entryItem.getByText(`Entry ${uid}`, { exact: true }).dblclick();
      await entryField.fill(`Edited ${uid}`);
      await entryField.press('Enter');
      await expect(editedItem).toBeVisible();
      await expect(page.getByRole('listitem').getByRole('textbox')).toBeHidden();
      await expect(entryItem).toBeHidden();
      await expect(secondItem).toBeVisible();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(editedItem).toBeVisible();
      await expect(entryItem).toBeHidden();
      await expect(secondItem).toBeVisible();
    });
  });
});
