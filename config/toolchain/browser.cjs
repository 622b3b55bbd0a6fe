// The browser that Playwright finds by itself.
//
// Playwright starts the builds of its own browsers folder only. Where they cannot be downloaded, `link` puts the
// system's Chromium and an ffmpeg at exactly those places, so that a plain `npx playwright test`, the Python package
// and video recording work without any setting.
//
//   node browser.cjs check CORE...                  is everything in place for these playwright-core folders?
//   node browser.cjs reachable CORE                 can Playwright's own Chromium be downloaded from here?
//   node browser.cjs link CHROMIUM HEADLESS FFMPEG CORE...
//                                                   use these programs; an empty FFMPEG goes without video; HEADLESS
//                                                   may be CHROMIUM, but a headless shell takes a third of its time
//   node browser.cjs try CORE...                    start the browser and record a video with it
'use strict';

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const BROWSERS = ['chromium', 'chromium-headless-shell'];
const FFMPEG = 'ffmpeg';
const COMPLETE = 'INSTALLATION_COMPLETE'; // Playwright's own marker, without which it removes or re-downloads a folder
const LINKED = 'LINKED_FROM_SYSTEM'; // ours: the version and path of the program a linked folder starts

function executable(core, name) {
  const { registry } = require(path.join(core, 'lib', 'coreBundle.js')).registry;
  const found = registry.findExecutable(name);
  const program = found?.executablePath();
  if (!program) throw new Error(`Playwright has no ${name} for this operating system`);
  return { directory: found.directory, program };
}

function isReady({ directory, program }) {
  if (!fs.existsSync(program) || !fs.existsSync(path.join(directory, COMPLETE))) return false;
  const note = path.join(directory, LINKED);
  return !fs.existsSync(note) || fs.existsSync(fs.readFileSync(note, 'utf8').split('\n')[1]);
}

function check(...cores) {
  const missing = cores.flatMap((core) =>
    [...BROWSERS, FFMPEG].map((name) => executable(core, name)).filter((place) => !isReady(place)),
  );
  for (const { program } of missing) console.error(`missing: ${program}`);
  return missing.length === 0;
}

async function reachable(core) {
  // fetch() knows no proxies, Playwright's own download does: behind one, the download itself has to tell.
  if (process.env.HTTPS_PROXY || process.env.https_proxy) return true;
  const plan = execFileSync(process.execPath, [path.join(core, 'cli.js'), 'install', '--dry-run', 'chromium'], {
    encoding: 'utf8',
  });
  const [, url] = /Download url:\s*(\S+)/.exec(plan);
  try {
    return (await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(10_000) })).ok;
  } catch {
    return false;
  }
}

function version(program, flag) {
  const options = { encoding: 'utf8', timeout: 30_000, stdio: ['ignore', 'pipe', 'ignore'] }; // launchers chat on stderr
  return /\d+(\.\d+)+/.exec(execFileSync(program, [flag], options))?.[0] ?? '';
}

function place(target, targetVersion, { directory, program }) {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(path.dirname(program), { recursive: true });
  // A wrapper, not a symbolic link: system browsers are often launchers that look at the name they were called by.
  const quoted = `'${target.replaceAll("'", `'\\''`)}'`;
  fs.writeFileSync(program, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
  fs.writeFileSync(path.join(directory, LINKED), `${targetVersion}\n${target}\n`);
  fs.writeFileSync(path.join(directory, COMPLETE), '');
}

function link(chromium, headless, ffmpeg, ...cores) {
  const programs = { chromium, 'chromium-headless-shell': headless };
  for (const core of cores) {
    for (const name of BROWSERS) {
      place(programs[name], version(programs[name], '--version'), executable(core, name));
    }
    const own = executable(core, FFMPEG);
    if (ffmpeg && !isReady(own)) place(ffmpeg, version(ffmpeg, '-version'), own);
  }
  return true;
}

async function attempt(core) {
  const { chromium } = require(core);
  const videos = fs.mkdtempSync(path.join(os.tmpdir(), 'browser-check-'));
  const browser = await chromium.launch({ timeout: 30_000 });
  try {
    const recordVideo = isReady(executable(core, FFMPEG)) ? { dir: videos } : undefined;
    const context = await browser.newContext({ recordVideo });
    const page = await context.newPage();
    await page.goto('data:text/html,<title>ready</title>');
    if ((await page.title()) !== 'ready') throw new Error('the browser shows no page');
    await context.close();
    if (recordVideo && !fs.statSync(await page.video().path()).size) throw new Error('the video is empty');
  } finally {
    await browser.close();
    fs.rmSync(videos, { recursive: true, force: true });
  }
}

async function tryAll(...cores) {
  for (const core of cores) await attempt(core);
  return true;
}

async function main([command, ...values]) {
  const commands = { check, reachable, link, try: tryAll };
  if (!(command in commands)) throw new Error(`unknown command: ${command}; one of ${Object.keys(commands).join(', ')}`);
  if (!(await commands[command](...values))) process.exitCode = 1;
}

main(process.argv.slice(2)).catch((error) => {
  console.error(String(error.message ?? error).split('\n').slice(0, 12).join('\n'));
  process.exitCode = 1;
});
