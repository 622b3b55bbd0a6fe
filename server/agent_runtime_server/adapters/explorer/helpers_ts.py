"""What the tests of a suite share: fixtures, signing in, and helpers; ``$WORDS`` in capitals are filled in."""

from __future__ import annotations

from agent_runtime_server.adapters.explorer.typescript import NUMBER_IN

_UID = """\
  uid: async ({}, use, { parallelIndex, retry }) => {
    // Short, as names stand in narrow columns, too.
    await use(`${Date.now().toString(36)}${(parallelIndex * 4 + retry).toString(36)}`);
  },
"""

_CLEAN_UP = """\
  cleanUp: async ({ page }, use) => {
    void page; // It is closed after this has been done, as this needs it.
    const work: (() => Promise<void>)[] = [];
    await use((last) => void work.push(last));
    for (const last of work.reverse()) await last();
  },
"""

_PAGE = """\
  page: async ({ page }, use) => {
    page.on('dialog', (dialog) => void dialog.accept());
    await use(page);
  },
"""

FIXTURES = f"""\
import {{ test as base }} from '@playwright/test';

export {{ expect }} from '@playwright/test';

interface Fixtures {{
  /** Has something done at the end of a test, however it went. */
  cleanUp: (work: () => Promise<void>) => void;
  /** Unique for each run of a test. */
  uid: string;
}}

export const test = base.extend<Fixtures>({{
{_CLEAN_UP}
{_PAGE}
{_UID}}});
"""

FIXTURES_WITH_SIGN_IN = f"""\
import path from 'node:path';
import {{ test as base, type Page }} from '@playwright/test';
import {{ type Credentials, signIn }} from './sign-in';

export {{ expect }} from '@playwright/test';

/** Where the session of the signed-in user lies; the set-up project keeps it there, unless there is one already. */
export const signedInState = process.env.STORAGE_STATE ?? path.join(__dirname, '../.auth/user.json');

interface Fixtures {{
  /** Has something done at the end of a test, however it went. */
  cleanUp: (work: () => Promise<void>) => void;
  credentials: Credentials;
  /** A page that has just signed in, with a session of its own. */
  signedInPage: Page;
  /** Unique for each run of a test. */
  uid: string;
}}

export const test = base.extend<Fixtures>({{
{_CLEAN_UP}
  credentials: async ({{}}, use) => {{
    await use({{ username: required('TEST_USERNAME'), password: required('TEST_PASSWORD') }});
  }},

{_PAGE}
  signedInPage: async ({{ page, credentials }}, use) => {{
    await signIn(page, credentials);
    await use(page);
  }},

{_UID}}});

function required(name: string): string {{
  const value = process.env[name];
  if (!value) throw new Error(`Set ${{name}} in the environment: the tests need it to sign in.`);
  return value;
}}
"""

SIGN_IN = """\
import { expect, type Page } from '@playwright/test';

export interface Credentials {
  username: string;
  password: string;
}

export async function signIn(page: Page, credentials: Credentials): Promise<void> {
  $STATEMENTS
}
"""

PATIENT_SIGN_IN = """\
import { expect, type Page } from '@playwright/test';

export interface Credentials {
  username: string;
  password: string;
}

/** The app limits how often one may sign in: this is tried again until it is our turn. */
export async function signIn(page: Page, credentials: Credentials): Promise<void> {
  await expect(async () => {
    $STATEMENTS
  }).toPass({ intervals: [20_000], timeout: 90_000 });
}
"""

PATIENT_AUTH_SETUP = """\
import { signedInState, test as setup } from './fixtures';

setup.describe.configure({ timeout: 120_000 });

setup('sign in', async ({ signedInPage }) => {
  await signedInPage.context().storageState({ path: signedInState });
});
"""

AUTH_SETUP = """\
import { signedInState, test as setup } from './fixtures';

setup('sign in', async ({ signedInPage }) => {
  await signedInPage.context().storageState({ path: signedInState });
});
"""

SUPPORT = f"""\
import {{ expect, type Locator }} from '@playwright/test';

/** The text of an element, or what a field holds. */
export function textOf(locator: Locator): Promise<string> {{
  return locator.evaluate(read);
}}

/** The first number in the text of an element, as soon as it has one: 1234.5 in "Total: £1,234.50". */
export async function amount(locator: Locator): Promise<number> {{
  let number: number | null = null;
  await expect
    .poll(async () => (number = numberIn(await textOf(locator))), {{ message: `a number in ${{locator.toString()}}` }})
    .not.toBeNull();
  return number ?? NaN;
}}

/** The first number in the text of each element. */
export async function amounts(locator: Locator): Promise<number[]> {{
  const texts = await Promise.all((await locator.all()).map(textOf));
  return texts.map((text) => numberIn(text) ?? NaN);
}}

export function sum(numbers: number[]): number {{
  return numbers.reduce((total, number) => total + number, 0);
}}

/** Whether numbers rise, or fall, from the first to the last; equal neighbours do neither. */
export function order(numbers: number[]): string {{
  const steps = numbers.slice(1).map((number, at) => number - numbers[at]);
  if (!steps.length || steps.some(Number.isNaN) || steps.every((step) => step === 0)) return 'neither';
  if (steps.every((step) => step >= 0)) return 'rising';
  return steps.every((step) => step <= 0) ? 'falling' : 'neither';
}}

/** The field, if the browser's own validation refuses what the user left in it. */
export function refused(field: Locator): Locator {{
  return field.and(field.page().locator(':user-invalid'));
}}

/** The first number in a text, whatever the currency and the locale. */
{NUMBER_IN}

function read(element: HTMLElement | SVGElement): string {{
  const field =
    element instanceof HTMLInputElement ||
    element instanceof HTMLSelectElement ||
    element instanceof HTMLTextAreaElement;
  if (field) return element.value;
  return (element instanceof HTMLElement ? element.innerText : (element.textContent ?? '')).trim();
}}
"""
