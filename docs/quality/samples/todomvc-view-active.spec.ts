// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';

test.describe('Entries', () => {
  test('Shows only open entries under “Active”', { tag: ['@crud'] }, async ({ page, uid }) => {
    const whatNeedsToBeField = page.getByRole('textbox', { name: 'What needs to be done?', exact: true });
    const entryItem = page.getByRole('listitem').filter({ hasText: `Entry ${uid}` });
    const secondItem = page.getByRole('listitem').filter({ hasText: `Second ${uid}` });
    const entryCheckbox = entryItem.getByRole('checkbox');
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

    await test.step('Tick the first entry off', async () => {
      await entryCheckbox.check();
      await expect(entryCheckbox).toBeChecked();
    });

    await test.step('Click “Active”', async () => {
      const entriesBefore = await item.count();
      await page.getByRole('link', { name: 'Active', exact: true }).click();
      await expect(entryItem).toBeHidden();
      await expect(secondItem).toBeVisible();
      await expect(item).toHaveCount(entriesBefore - 1);
    });

    await test.step('Click “All”', async () => {
      await page.getByRole('link', { name: 'All', exact: true }).click();
      await expect(entryItem).toBeVisible();
    });
  });
});
