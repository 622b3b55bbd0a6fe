"""Configuration files of a suite, and its seed; ``$WORDS`` in capitals are filled in."""

from __future__ import annotations

GITIGNORE = """\
.auth/
artifacts/
node_modules
"""

PACKAGE = """\
{
  "name": "generated-tests",
  "private": true,
  "scripts": {
    "test": "playwright test",
    "lint": "eslint .",
    "typecheck": "tsc --noEmit"
  },
  "devDependencies": {
    "@playwright/test": "1.65.1",
    "@types/node": "^20.19.0",
    "eslint": "10.15.0",
    "eslint-plugin-playwright": "2.12.2",
    "typescript": "6.0.3",
    "typescript-eslint": "8.73.0"
  }
}
"""

TSCONFIG = """\
{
  "compilerOptions": {
    "target": "ES2022",
    "module": "NodeNext",
    "moduleResolution": "NodeNext",
    "strict": true,
    "noEmit": true,
    "skipLibCheck": true,
    "types": ["node"]
  },
  "include": ["playwright.config.ts", "tests/**/*.ts"]
}
"""

ESLINT_CONFIG = """\
import playwright from 'eslint-plugin-playwright';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['artifacts/', 'node_modules/'] },
  ...tseslint.configs.recommendedTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  { ...playwright.configs['flat/recommended'], files: ['tests/**/*.ts'] },
  { files: ['tests/*.setup.ts'], rules: { 'playwright/expect-expect': 'off' } },
  { files: ['**/*.mjs'], ...tseslint.configs.disableTypeChecked },
);
"""

CONFIG = """\
import { defineConfig, devices } from '@playwright/test';
$STATE
export default defineConfig({
  testDir: 'tests',
  outputDir: 'artifacts/test-results',
  // All tests share the data of one app.
  workers: 1,
  forbidOnly: !!process.env.CI,
  reporter: [['list'], ['html', { open: 'never', outputFolder: 'artifacts/report' }]],
  expect: { timeout: 5_000, toPass: { timeout: 10_000 } },
  use: {
    baseURL: process.env.BASE_URL ?? $APP_URL,$GATE
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    screenshot: 'only-on-failure',
    trace: 'retain-on-failure',
    video: 'retain-on-failure',
    // Chromium's sandbox works neither for root nor within another one.
    launchOptions: { chromiumSandbox: process.getuid?.() !== 0 && process.env.CHROMIUM_SANDBOX !== 'off' },
  },
  projects: [
    { name: 'seed', testMatch: 'tests/seed.spec.ts'$SEED_STATE },$SETUP
    {
      name: 'chromium',
      testIgnore: 'tests/seed.spec.ts',$ONE_AT_A_TIME
      use: $USE,$NEEDS_SETUP
    },
  ],
});
"""

STATE = """
// Names a file with the state of a browser that has signed in: no set-up is needed then, and no password.
const { STORAGE_STATE } = process.env;
"""

SEED_STATE = ", use: { storageState: STORAGE_STATE }"

SETUP_PROJECT = """
    ...(STORAGE_STATE ? [] : [{ name: 'setup', testMatch: 'tests/auth.setup.ts' }]),"""

NEEDS_SETUP = """
      dependencies: STORAGE_STATE ? [] : ['setup'],"""

ONE_AT_A_TIME = """
      // The app fails where several things are done at the same time. Unlike the one above, this limit holds whatever
      // --workers says.
      workers: 1,"""

GATE = """
    // The app lets nobody in without these.
    httpCredentials: {
      username: process.env.TEST_USERNAME ?? '',
      password: process.env.TEST_PASSWORD ?? '',
      origin: new URL(process.env.BASE_URL ?? $APP_URL).origin,
    },"""

USE = "devices['Desktop Chrome']"

USE_SIGNED_IN = """{
        ...devices['Desktop Chrome'],
        storageState: STORAGE_STATE ?? `${__dirname}/.auth/user.json`,
      }"""

SEED = """\
import { expect, test } from './fixtures';

test.describe('Seed', () => {
  test('seed', async ({ page }) => {
    await page.goto($START);
    await expect(page.locator('body')).toBeVisible();
  });
});
"""
