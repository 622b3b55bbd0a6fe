// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Entries', () => {
  test('Removes the ticked entries', { tag: ['@crud'] }, async ({ page, uid }) => {
    const whatNeedsToBeField = page.getByRole('textbox', { name: 'What needs to be done?', exact: true });
    const entryItem = page.getByRole('listitem').filter({ hasText: `Entry ${uid}` });
    const secondItem = page.getByRole('listitem').filter({ hasText: `Second ${uid}` });
    const thirdItem = page.getByRole('listitem').filter({ hasText: `Third ${uid}` });
    const entryCheckbox = entryItem.getByRole('checkbox');
    const clearCompletedButton = page.getByRole('button').filter({ hasText: 'Clear completed' });
    const thirdCheckbox = thirdItem.getByRole('checkbox');
    const item = page.getByRole('list').filter({ hasText: uid }).getByRole('listitem');

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

    await test.step('Type a third entry and press Enter', async () => {
      await whatNeedsToBeField.fill(`Third ${uid}`);
      await whatNeedsToBeField.press('Enter');
      await expect(thirdItem).toBeVisible();
    });

    await test.step('Tick the first entry off', async () => {
      await entryCheckbox.check();
      await expect(entryCheckbox).toBeChecked();
      await expect(clearCompletedButton).toBeVisible();
    });

    await test.step('Tick the third entry off', async () => {
      await thirdCheckbox.check();
      await expect(thirdCheckbox).toBeChecked();
      await expect(clearCompletedButton).toContainText('Clear completed (2)');
    });

    await test.step('Remove the ticked entries', async () => {
      const entriesBefore = await item.count();
      await clearCompletedButton.click();
      await expect(entryItem).toBeHidden();
      await expect(thirdItem).toBeHidden();
      await expect(secondItem).toBeVisible();
      await expect(item).toHaveCount(entriesBefore - 2);
      await expect(clearCompletedButton).toBeHidden();
    });

    await test.step('Load the page again', async () => {
      await page.reload();
      await expect(secondItem).toBeVisible();
      await expect(entryItem).toBeHidden();
      await expect(thirdItem).toBeHidden();
    });
  });
});
