// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Entries', () => {
  test('Removes the ticked entries', { tag: ['@crud'] }, async ({ page, uid }) => {
    const whatNeedsToBeField = page.getByRole('textbox', { name: 'What needs to be done?', exact: true });
    const entryText = page.getByText(`Entry ${uid}`, { exact: true });
    const secondText = page.getByText(`Second ${uid}`, { exact: true });
    const checkbox = page.getByRole('listitem').filter({ hasText: `Entry ${uid}` }).getByRole('checkbox');
    const clearCompletedButton = page.getByRole('button').filter({ hasText: 'Clear completed' });
    const listitem = page.getByRole('list').filter({ hasText: uid }).getByRole('listitem');

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
      await expect(secondText).toBeVisible();
    });

    await test.step('Tick the first entry off', async () => {
      await checkbox.check();
      await expect(checkbox).toBeChecked();
      await expect(clearCompletedButton).toBeVisible();
    });

    await test.step('Remove the ticked entries', async () => {
      const entriesBefore = await listitem.count();
      await clearCompletedButton.click();
      await expect(entryText).toBeHidden();
      await expect(secondText).toBeVisible();
      await expect(listitem).toHaveCount(entriesBefore - 1);
      await expect(clearCompletedButton).toBeHidden();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(secondText).toBeVisible();
      await expect(entryText).toBeHidden();
    });
  });
});
