// The configuration that suites are run with: the workspace's own, with what the server has to say laid over it.
//
// A copy of this stands beside the workspace's configuration for the time of a run, because Playwright takes relative
// paths from the folder of the configuration file. The copy has the same ending, and so is read as the same kind of module.
// What the server says comes from the environment, as every worker loads the configuration again.
import { writeFileSync } from 'node:fs';
import { chromium, firefox, webkit } from '@playwright/test';
import * as exported from './playwright.config.ts';

const { use, reporter, lost } = JSON.parse(process.env.AGENT_RUNTIME_RUN);
const config = exported.default?.default ?? exported.default ?? exported;
const overridden = (settings) => ({ ...settings, use: { ...settings.use, ...use } });

export default {
  ...overridden(config),
  ...(config.projects && { projects: config.projects.map(overridden) }),
  reporter,
};

// A browser that ends though nobody has closed it was killed or has crashed. Playwright goes on with a new one, and the
// test that has lost its browser looks like any other that failed: the server is left a note.
for (const type of [chromium, firefox, webkit]) {
  const launch = type.launch;
  type.launch = async (...options) => {
    const browser = await launch.apply(type, options);
    const close = browser.close;
    let closing = false;
    browser.close = (...reason) => {
      closing = true;
      return close.apply(browser, reason);
    };
    browser.on('disconnected', () => closing || writeFileSync(lost, ''));
    return browser;
  };
}
