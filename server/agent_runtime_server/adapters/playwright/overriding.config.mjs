// The configuration that suites are run with: the workspace's own, with what the server has to say laid over it.
//
// It is copied beside the workspace's configuration for the time of a run, because Playwright takes every relative path
// from the folder of the configuration file. What it says comes from the environment, as workers load it again.
import fs from 'node:fs';
import path from 'node:path';
import url from 'node:url';

const { use, reporter } = JSON.parse(process.env.AGENT_RUNTIME_RUN);

async function own() {
  const names = ['ts', 'js', 'mts', 'mjs', 'cts', 'cjs'].map((ending) => `playwright.config.${ending}`);
  const file = names.map((name) => path.join(import.meta.dirname, name)).find((candidate) => fs.existsSync(candidate));
  if (!file) return {};
  const exported = await import(url.pathToFileURL(file));
  return exported.default?.default ?? exported.default ?? exported; // depends on how the file's module kind is read
}

const config = await own();

export default {
  ...config,
  reporter,
  use: { ...config.use, ...use },
  ...(config.projects && {
    projects: config.projects.map((project) => ({ ...project, use: { ...project.use, ...use } })),
  }),
};
