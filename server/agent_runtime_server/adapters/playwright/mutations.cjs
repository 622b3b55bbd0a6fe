// Finds the assertions of test files, and writes copies in which they tell that they were decided, or fail.
//
// One JSON object comes in on standard input, a line for each assertion goes out on standard output; `mutations.py` is the
// other end. Files are read as syntax trees, by the TypeScript compiler that is named, and changed by small insertions
// that keep every line.
'use strict';

const fs = require('node:fs');
const path = require('node:path');

const MAX_TEXT = 200;
const MATCHING = /^(not|resolves|rejects|to[A-Z]\w*)$/;
const MODIFIED_TEST = new Set(['only', 'fail', 'slow']);
const STEPS = new Set(['step']);
const HOOKS = new Set(['beforeAll', 'beforeEach', 'afterEach', 'afterAll']);

// Stands at the end of every copy. What an assertion is to do besides comes once it is decided, so that the app has got
// as far as it gets in the test itself. A promise that nobody waits for stays what it is, and so does an assertion about
// a locator, a page or a promise as an object: such a thing is always there, whatever the app does.
const ASSERTING = `
function agentRuntimeAsserting(expect, awaited, mark) {
  const decided = () => {
    if (!mark) throw new Error('made to fail');
    expect.soft(true, mark).toBe(true);
  };
  const isObject = (subject) => /^_*(FrameLocator|Locator|Page|Promise)\\d*$/.test(subject?.constructor?.name);
  const wrap = (matchers, settled, subject) =>
    new Proxy({}, {
      get: (_, name) => {
        const found = matchers[name];
        if (name === 'not') return wrap(found, settled, subject);
        if (name === 'resolves' || name === 'rejects') return wrap(found, true, subject);
        if (typeof found !== 'function') return found;
        return (...values) => {
          const outcome = found.apply(matchers, values);
          if (typeof outcome?.then === 'function') return awaited ? outcome.then(decided) : outcome;
          if (settled || !isObject(subject)) decided();
          return outcome;
        };
      },
    });
  const asserting = (make) => (...values) => wrap(make(...values), false, values[0]);
  return Object.assign(asserting(expect), { soft: asserting(expect.soft), poll: asserting(expect.poll) });
}
`;

class TestFile {
  #ts;
  #text;
  #tree;
  #names = { test: new Set(['test', 'it']), expect: new Set(['expect']) };

  constructor(ts, workspace, file) {
    this.#ts = ts;
    this.#text = fs.readFileSync(path.join(workspace, file), 'utf8');
    this.#tree = ts.createSourceFile(file, this.#text, ts.ScriptTarget.Latest, true);
    this.#learnNames(this.#tree);
  }

  // In the order of their places.
  assertions() {
    const found = [];
    const visit = (node, around) => {
      const test = this.#testLine(node) ?? around;
      const root = this.#assertionRoot(node);
      if (root) found.push(this.#assertion(node, root, test));
      this.#ts.forEachChild(node, (child) => visit(child, test));
    };
    visit(this.#tree, 0);
    return found.sort((one, other) => one.start - other.start);
  }

  // The text with other assertions: those that fail, or all, telling their marks. Those about nothing stay as they are.
  changed(failing) {
    const assertions = this.assertions();
    const numbers = failing.length ? failing : [...assertions.keys()];
    return (
      numbers
        .filter((number) => !assertions[number].constant)
        .sort((one, other) => other - one)
        .reduce((text, number) => {
          const { start, end, awaited } = assertions[number];
          const told = failing.length ? '' : `assertion ${number} was decided`; // `Assertion.mark`
          const asserting = `agentRuntimeAsserting(${text.slice(start, end)}, ${awaited}, '${told}')`;
          return text.slice(0, start) + asserting + text.slice(end);
        }, this.#text) + ASSERTING
    );
  }

  // What `test` and `expect` are called in this file.
  #learnNames(node) {
    const ts = this.#ts;
    if (ts.isImportSpecifier(node) || ts.isBindingElement(node)) {
      const original = (node.propertyName ?? node.name).text;
      if (Object.hasOwn(this.#names, original) && ts.isIdentifier(node.name)) this.#names[original].add(node.name.text);
    }
    ts.forEachChild(node, (child) => this.#learnNames(child));
  }

  // Where a test begins, if it does so here: as in a stack, that is where the last name stands that is called.
  #testLine(node) {
    const ts = this.#ts;
    if (!ts.isCallExpression(node) || !node.arguments.some((each) => ts.isFunctionLike(each))) return undefined;
    const callee = node.expression;
    const modified = ts.isPropertyAccessExpression(callee) && MODIFIED_TEST.has(callee.name.text);
    const root = modified ? callee.expression : callee;
    if (!ts.isIdentifier(root) || !this.#names.test.has(root.text)) return undefined;
    return this.#line(modified ? callee.name : callee);
  }

  // The name in `expect(…)`, `expect.soft(…)` and `expect.poll(…)`.
  #assertionRoot(node) {
    const ts = this.#ts;
    if (!ts.isCallExpression(node)) return undefined;
    const callee = node.expression;
    const special = ts.isPropertyAccessExpression(callee) && ['soft', 'poll'].includes(callee.name.text);
    const root = special ? callee.expression : callee;
    return ts.isIdentifier(root) && this.#names.expect.has(root.text) ? root : undefined;
  }

  #assertion(call, root, test) {
    const whole = this.#withMatchers(call);
    const text = this.#text.slice(whole.getStart(this.#tree), whole.end).replace(/\s+/g, ' ');
    return {
      start: root.getStart(this.#tree),
      end: root.end,
      line: this.#line(root),
      text: text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text,
      test_line: test,
      awaited: !this.#isLeft(whole),
      direct: this.#isDirect(whole),
      constant: this.#isConstant(call.arguments[0]),
    };
  }

  // `expect(…).not.toBe(…)` from `expect(…)`.
  #withMatchers(call) {
    const ts = this.#ts;
    let whole = call;
    for (;;) {
      const { parent } = whole;
      const goesOn =
        (ts.isPropertyAccessExpression(parent) && parent.expression === whole && MATCHING.test(parent.name.text)) ||
        (ts.isCallExpression(parent) && parent.expression === whole);
      if (!goesOn) return whole;
      whole = parent;
    }
  }

  // Whether the value of an expression goes nowhere.
  #isLeft(expression) {
    const ts = this.#ts;
    const { parent } = expression;
    if (ts.isExpressionStatement(parent) || ts.isVoidExpression(parent)) return true;
    if (ts.isConditionalExpression(parent)) return parent.condition !== expression && this.#isLeft(parent);
    if (ts.isBinaryExpression(parent)) {
      if (parent.left === expression) return parent.operatorToken.kind === ts.SyntaxKind.CommaToken;
      return this.#isLeft(parent);
    }
    return ts.isParenthesizedExpression(parent) && this.#isLeft(parent);
  }

  // Whether whatever is thrown here gets to the test: through blocks and awaited calls, not through anything that catches.
  #isDirect(expression) {
    const ts = this.#ts;
    const { parent } = expression;
    if (ts.isSourceFile(parent)) return false;
    if (ts.isTryStatement(parent)) return (!parent.catchClause || parent.tryBlock !== expression) && this.#isDirect(parent);
    if (ts.isFunctionLike(parent)) return this.#isHeard(parent);
    if (ts.isPropertyAccessExpression(parent) && ['catch', 'then'].includes(parent.name.text)) return false;
    if (ts.isCallExpression(parent) && parent.expression !== expression) return false;
    if (ts.isVariableDeclaration(parent)) return false;
    return this.#isDirect(parent);
  }

  // Whether what a function throws gets to the test: as the test's own, a hook's, or that of a step or a repetition.
  #isHeard(callback) {
    const ts = this.#ts;
    const call = callback.parent;
    if (!ts.isCallExpression(call) || !call.arguments.includes(callback)) return false;
    if (this.#testLine(call) !== undefined) return true;
    if (this.#isOfTest(call, HOOKS)) return true;
    const whole = this.#withMatchers(call);
    const repeats = this.#assertionRoot(call) && call.parent.name?.text === 'toPass';
    const waitedFor = ts.isAwaitExpression(whole.parent) && (repeats || this.#isOfTest(call, STEPS));
    return waitedFor && this.#isDirect(whole);
  }

  // `test.beforeEach(…)` and such.
  #isOfTest(call, names) {
    const ts = this.#ts;
    const callee = call.expression;
    if (!ts.isPropertyAccessExpression(callee) || !ts.isIdentifier(callee.expression)) return false;
    return this.#names.test.has(callee.expression.text) && names.has(callee.name.text);
  }

  #isConstant(subject) {
    const ts = this.#ts;
    if (!subject) return true;
    const words = [ts.SyntaxKind.TrueKeyword, ts.SyntaxKind.FalseKeyword, ts.SyntaxKind.NullKeyword];
    return ts.isLiteralExpression(subject) || words.includes(subject.kind);
  }

  #line(node) {
    return this.#tree.getLineAndCharacterOfPosition(node.getStart(this.#tree)).line + 1;
  }
}

function find(ts, { workspace, files }) {
  for (const file of files)
    for (const [number, found] of new TestFile(ts, workspace, file).assertions().entries()) {
      const { line, text, test_line, awaited, direct } = found;
      process.stdout.write(`${JSON.stringify({ path: file, number, line, text, test_line, awaited, direct })}\n`);
    }
}

function write(ts, { workspace, copies }) {
  for (const { original, copy, failing } of copies) {
    const text = new TestFile(ts, workspace, original).changed(failing);
    fs.writeFileSync(path.join(workspace, copy), text, { flag: 'wx' });
  }
}

const order = JSON.parse(fs.readFileSync(0, 'utf8'));
const ts = require(order.typescript);
find(ts, order);
write(ts, order);
