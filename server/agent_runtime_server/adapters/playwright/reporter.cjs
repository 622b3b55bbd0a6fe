// Tells the server what a suite does while it runs: one typed JSON line for each fact, over a Unix socket.
//
// Standard output belongs to the tests, and whatever they print must not be able to look like a result; hence the socket.
// The structs of `events.py` are the other end of every line; all sizes are bounded here, at the source.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { stripVTControlCharacters } = require('node:util');

const BEAT_MS = 5000; // a sign of life, whatever else is said
const MAX_BACKLOG = 8 << 20; // bytes waiting for the server; above it, steps and output are left out
const MAX_OUTPUT = 4096; // characters of one piece of test output
const MAX_OUTPUT_RATE = 500; // pieces of test output told in a second; the others are counted
const MAX_KEPT = 1 << 20; // bytes of an attempt's output that get into the reports
const MAX_TITLE = 300;
const MAX_MESSAGE = 16 << 10;
const MAX_SNIPPET = 4096;
const MAX_STEP_ERROR = 500;
const MAX_ERRORS = 5;
const MAX_STEPS = 500;
const MAX_ATTACHMENTS = 100;
const MAX_TAGS = 20;
const STEPS = new Set(['test.step', 'expect', 'pw:api']);

const cut = (text, most) => {
  const bounded = String(text ?? '').slice(0, 4 * most); // a line of many megabytes is not looked through
  const plain = stripVTControlCharacters(bounded);
  return (plain.length > most ? `${plain.slice(0, most - 1)}…` : plain).toWellFormed();
};

class StreamingReporter {
  #root;
  #socket;
  #only;
  #suite;
  #setUp = new Set();
  #steps = new WeakMap();
  #kept = new WeakMap(); // bytes of an attempt's output so far
  #second = 0;
  #told = 0; // pieces of output, in this second
  #untold = 0;

  constructor({ socket, only }) {
    this.#root = process.cwd();
    this.#only = only;
    this.#socket = net.connect(socket);
    this.#socket.on('error', () => this.#socket.destroy()); // nobody listens any more: the run itself goes on
    setInterval(() => this.#send({ type: 'beat' }), BEAT_MS).unref();
  }

  // Otherwise Playwright adds a reporter of its own that prints.
  printsToStdio() {
    return true;
  }

  // Leaves the tests that were asked for, and what sets up for them, which Playwright does not let go anyhow.
  async preprocess({ config, suite, testRun }) {
    this.#noteSetUp(config);
    if (!this.#only) return;
    const only = new Set(JSON.parse(fs.readFileSync(this.#only, 'utf8')).map((name) => JSON.stringify(name)));
    for (const test of suite.allTests()) {
      const { project, title_path: titles } = this.#identity(test);
      if (!this.#setUp.has(project) && !only.has(JSON.stringify([project, ...titles]))) testRun.exclude(test);
    }
  }

  onBegin(config, suite) {
    this.#suite = suite;
    this.#noteSetUp(config);
    const tests = suite.allTests().filter((test) => !this.#isSetUp(test));
    this.#send({ type: 'begin', tests: tests.length, workers: config.workers, version: config.version });
  }

  onTestBegin(test, result) {
    this.#send({ type: 'test_begin', test: this.#identity(test), retry: result.retry });
  }

  onStepBegin(test, result, step) {
    if (!STEPS.has(step.category)) return;
    const count = (this.#steps.get(result) ?? 0) + 1;
    this.#steps.set(result, count);
    if (count > MAX_STEPS) return;
    const { category } = step;
    const title = titleOf(step);
    this.#sendIfRoom({ type: 'step_begin', test: cut(test.title, MAX_TITLE), title, category, depth: depth(step) });
  }

  onTestEnd(test, result) {
    this.#send({
      type: 'attempt_end',
      test: this.#identity(test),
      outcome: test.outcome(),
      final: test.outcome() !== 'unexpected' || result.retry >= test.retries,
      attempt: {
        retry: result.retry,
        status: result.status,
        start_time: result.startTime.toISOString(),
        duration_ms: Math.max(0, result.duration),
        worker_index: Math.max(0, result.workerIndex),
        errors: result.errors.slice(0, MAX_ERRORS).map((error) => this.#error(error)),
        steps: flatten(result.steps),
        attachments: result.attachments
          .filter(({ path: file }) => file && fs.existsSync(file))
          .slice(0, MAX_ATTACHMENTS)
          .map(({ name, contentType, path: file }) => ({
            name: cut(name, MAX_TITLE),
            content_type: contentType,
            path: this.#relative(file),
          })),
      },
    });
  }

  onStdOut(chunk, test, result) {
    if (result) this.#bound(result.stdout);
    this.#output('stdout', chunk, test);
  }

  onStdErr(chunk, test, result) {
    if (result) this.#bound(result.stderr);
    this.#output('stderr', chunk, test);
  }

  onError(error) {
    this.#send({ type: 'global_error', error: this.#error(error) });
  }

  onEnd({ status, duration }) {
    this.#tellUntold();
    for (const test of this.#suite?.allTests() ?? [])
      if (!test.results.length) this.#send({ type: 'not_run', test: this.#identity(test) });
    this.#send({ type: 'end', status, duration_ms: Math.max(0, duration) });
  }

  // Playwright waits for this before it exits; without it the last lines could be lost.
  async onExit() {
    if (!this.#socket.destroyed) await new Promise((sent) => this.#socket.once('close', sent).end());
  }

  #send(line) {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  #sendIfRoom(line) {
    if (this.#socket.writableLength < MAX_BACKLOG) this.#send(line);
  }

  #output(stream, chunk, test) {
    const second = Math.floor(Date.now() / 1000);
    if (second !== this.#second) {
      this.#tellUntold();
      this.#second = second;
      this.#told = 0;
    }
    if (this.#told >= MAX_OUTPUT_RATE || this.#socket.writableLength >= MAX_BACKLOG) {
      this.#untold += 1;
      return;
    }
    const text = cut(chunk, MAX_OUTPUT).trimEnd();
    if (!text) return;
    this.#told += 1;
    this.#send({ type: 'output', stream, text, test: test ? cut(test.title, MAX_TITLE) : '' });
  }

  // Playwright keeps all that an attempt has printed for its reports, and they break over too much of it.
  #bound(chunks) {
    const { length } = chunks.at(-1);
    const room = MAX_KEPT - (this.#kept.get(chunks) ?? 0);
    this.#kept.set(chunks, MAX_KEPT - room + length);
    if (length <= room) return;
    chunks.pop();
    if (room > 0) chunks.push('… more output is left out\n');
  }

  #tellUntold() {
    if (this.#untold) this.#send({ type: 'output_lost', count: this.#untold });
    this.#untold = 0;
  }

  #noteSetUp(config) {
    for (const { dependencies, teardown } of config.projects)
      for (const name of teardown ? [...dependencies, teardown] : dependencies) this.#setUp.add(name);
  }

  #identity(test) {
    const project = test.parent.project()?.name ?? '';
    const [, , , ...titles] = test.titlePath();
    if (test.repeatEachIndex) titles.push(`(repeat ${test.repeatEachIndex + 1})`);
    return {
      project,
      title_path: [this.#relative(test.location.file), ...titles].map((title) => cut(title, MAX_TITLE)),
      location: this.#location(test.location),
      tags: test.tags.slice(0, MAX_TAGS),
      set_up: this.#isSetUp(test),
    };
  }

  #isSetUp(test) {
    return this.#setUp.has(test.parent.project()?.name) || path.basename(test.location.file).startsWith('seed.spec.');
  }

  #error({ message, value, stack, location, snippet }) {
    return {
      message: cut(message ?? value, MAX_MESSAGE),
      stack: cut(stack, MAX_MESSAGE),
      snippet: cut(snippet, MAX_SNIPPET),
      location: location ? this.#location(location) : null,
    };
  }

  #location({ file, line, column }) {
    return { path: this.#relative(file), line: Math.max(0, line), column: Math.max(0, column) };
  }

  // Forward slashes; a path outside of the workspace begins with `../`, and the server leaves it out.
  #relative(file) {
    return path.relative(this.#root, file).split(path.sep).join('/');
  }
}

// What is done, and to what: `Click` and its locator.
function titleOf({ title, subtitle }) {
  return cut(subtitle ? `${title} ${subtitle}` : title, MAX_TITLE);
}

function depth(step) {
  let count = 0;
  for (let at = step.parent; at; at = at.parent) if (STEPS.has(at.category)) count += 1;
  return count;
}

function flatten(steps, level = 0, flat = []) {
  for (const step of steps) {
    if (flat.length >= MAX_STEPS) break;
    const told = STEPS.has(step.category);
    if (told) {
      flat.push({
        title: titleOf(step),
        category: step.category,
        duration_ms: Math.max(0, step.duration),
        error: cut(step.error?.message, MAX_STEP_ERROR),
        depth: level,
      });
    }
    flatten(step.steps, told ? level + 1 : level, flat);
  }
  return flat;
}

module.exports = StreamingReporter;
