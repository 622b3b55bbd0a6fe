// spec: specs/plan.md
// seed: tests/seed.spec.ts

import { expect, test } from '../fixtures';
import { textOf } from '../support';

test.describe('Texts', () => {
  test(
    '“Editing WikiStart” keeps what is added, and nothing of a preview',
    { tag: ['@crud', '@form'] },
    async ({ page, uid }) => {
      const field = page
        .getByRole('group')
        .filter({ has: page.getByRole('link', { name: 'Bold text: **Example**', exact: true }) })
        .getByRole('textbox');
      const aTestAddedThisText = page.getByText(`A test added this line, ${uid}.`, { exact: true });
      const submitChangesButton = page.getByRole('button', { name: 'Submit changes', exact: true });
      const yourChangesHaveBeenText = page.getByText('Your changes have been saved in version');

      await test.step('Open /wiki/WikiStart?action=edit', async () => {
        await page.goto('/wiki/WikiStart?action=edit');
      });

      const textBefore = await test.step('Add a line to the text and click “Preview Page”', async () => {
        const textBefore = await textOf(field);
        await field.fill(`${textBefore}\n\nA test added this line, ${uid}.`);
        await page.getByRole('button', { name: 'Preview Page', exact: true }).click();
        await expect(aTestAddedThisText).toBeVisible();
        return textBefore;
      });

      await test.step('Open /wiki/WikiStart?action=edit again', async () => {
        await page.goto('/wiki/WikiStart?action=edit');
        await expect(field).toHaveValue(textBefore);
      });

      await test.step('Add a line to the text and click “Submit changes”', async () => {
        await field.fill(`${textBefore}\n\nA test added this line, ${uid}.`);
        await submitChangesButton.click();
        await expect(yourChangesHaveBeenText).toBeVisible();
        await expect(aTestAddedThisText).toBeVisible();
      });

      await test.step('Open /wiki/WikiStart again', async () => {
        await page.goto('/wiki/WikiStart');
        await expect(aTestAddedThisText).toBeVisible();
      });

      await test.step('Open /wiki/WikiStart?action=edit again', async () => {
        await page.goto('/wiki/WikiStart?action=edit');
        await expect(field).toHaveValue(`${textBefore}\n\nA test added this line, ${uid}.`);
      });

      await test.step('Put the text back', async () => {
        await field.fill(textBefore);
        await submitChangesButton.click();
        await expect(yourChangesHaveBeenText).toBeVisible();
      });

      await test.step('Come back to see whether it is there', async () => {
        await page.goto('/');
        await page.goto('/wiki/WikiStart?action=edit');
        await expect(field).toHaveValue(textBefore);
      });
    },
  );
});
