// The task at a glance.

import { html } from "../vendor/preact-htm/standalone.js";
import { clock, count, host, moment, money, plain, plural, seconds, since, span } from "./format.js";
import { Badge, Glyph } from "./glyph.js";
import { Markdown } from "./markdown.js";
import { memo } from "./parts.js";
import { href } from "./router.js";
import { testKey } from "./task_store.js";
import { latestRound } from "./tests.js";
import { OUTCOMES, PHASES, SEVERITY, label, spoken, standing, tone } from "./words.js";

const RECENT = 9;
const MOST_CELLS = 400;

/** Every test as a cell, in the order in which they ended. */
function Strip({ store }) {
  const tests = latestRound(store.tests);
  const { result, progress } = store.task;
  const summary = result?.summary?.total ? result.summary : undefined;
  const tally = (outcome) => summary?.[outcome] ?? tests.filter((test) => test.outcome === outcome).length;
  const ahead = store.task.done ? 0 : Math.max(0, (progress?.unit === "test" ? progress.total : 0) - tests.length);
  return html`
    <section class="card" aria-labelledby="strip-title">
      <h2 id="strip-title">Tests</h2>
      <div class="tallies">
        ${Object.entries(OUTCOMES).map(([outcome, [name, kind]]) => html`
          <span class="tally ${tally(outcome) ? kind : "zero"}"><b>${count(tally(outcome))}</b>${name.toLowerCase()}
          </span>`)}
        ${summary?.duration && html`<span class="tally zero"><b>${span(seconds(summary.duration))}</b>in all</span>`}
      </div>
      ${(tests.length > 0 || !store.task.done) && html`<div class="strip">
        ${tests.slice(0, MOST_CELLS).map((test) => html`
          <a key=${testKey(test)} class="cell ${tone(OUTCOMES, test.outcome)}"
              href=${href.task(store.id, "tests", testKey(test))}
            title="${label(OUTCOMES, test.outcome)}: ${test.title_path.at(-1)}"
                aria-label="${label(OUTCOMES, test.outcome)}: ${test.title_path.at(-1)}"></a>`)}
        ${Array.from({ length: Math.min(ahead, MOST_CELLS) }, () => html`<span class="cell ahead"></span>`)}
        ${!tests.length && !ahead && html`<span class="muted">Each test shows here as it ends.</span>`}
      </div>`}
    </section>`;
}

const Recent = ({ store }) => {
  const { log } = store;
  return html`
    <section class="card" aria-labelledby="recent-title">
      <h2 id="recent-title">Newest lines <a class="card-link" href=${href.task(store.id, "log")}>Whole log</a></h2>
      <div class="recent" aria-hidden="true" style=${{ height: `${RECENT * 20}px` }}>
        ${log.slice(Math.max(0, log.length - RECENT)).map((line) => html`
          <div class="line ${line.level}"><span class="line-time">${line.time ? clock(line.time).slice(0, 8) : ""}
          </span><span class="line-text">${plain(line.message)}</span></div>`)}
      </div>
    </section>`;
};

const Failure = ({ error }) => html`
  <section class="card broken" aria-labelledby="failure-title">
    <h2 id="failure-title"><${Glyph} tone="bad" />${spoken(error.reason)}</h2>
    <p>${error.status?.message}</p>
    <p class="muted">${
      PHASES[error.phase] ? `In phase: ${PHASES[error.phase].toLowerCase()}. ` : ""}${
      error.retryable ? "The same again may succeed later." : "The same again will not help."}</p>
  </section>`;

const Top = ({ store, findings }) => html`
  <section class="card" aria-labelledby="top-title">
    <h2 id="top-title">Findings in the app <a class="card-link"
        href=${href.task(store.id, "findings")}>All ${findings.length}</a></h2>
    <ul class="plain-list">
      ${findings.slice(0, 4).map((finding) => html`<li class="top-finding"><${Badge}
          tone=${tone(SEVERITY, finding.severity)}>${label(SEVERITY, finding.severity)}<//>
        <span>${finding.title}</span></li>`)}
    </ul>
  </section>`;

const Fact = ({ name, children }) => children ? html`<dt>${name}</dt><dd>${children}</dd>` : null;

const Facts = ({ task }) => {
  const { configuration: how = {}, attempts = [] } = task;
  return html`
    <section class="card" aria-labelledby="facts-title">
      <h2 id="facts-title">Facts</h2>
      <dl class="facts">
        <${Fact} name="App"><a href=${how.app_url} target="_blank" rel="noopener noreferrer">${host(how.app_url)}</a>
          <//>
        <${Fact} name="Driver">${[how.agent?.driver, how.agent?.model].filter(Boolean).join(" · ")}<//>
        <${Fact} name="Sign-in">${how.sign_in?.username}<//>
        <${Fact} name="Created">${moment(task.create_time)}<//>
        <${Fact} name="Waited">${task.start_time && span(since(task.create_time, task.start_time))}<//>
        <${Fact} name="Took">${task.end_time && task.start_time && span(since(task.start_time, task.end_time))}<//>
        <${Fact} name="Attempts">${attempts.length > 1 && attempts.length}<//>
        <${Fact} name="Session"><code>${task.session_id}</code><//>
        <${Fact} name="Retry of">${task.retry_of_task_id && html`<a href=${href.task(task.retry_of_task_id)}><code>
          ${task.retry_of_task_id}</code></a>`}<//>
        <${Fact} name="Stopped">${task.cancellation && (task.cancellation.reason || "On request")}<//>
        <${Fact} name="Labels">${Object.entries(task.labels ?? {}).map(([key, value]) => `${key}=${value}`).join(", ")}
        <//>
      </dl>
      ${how.instructions && html`<p class="instructions">${how.instructions}</p>`}
    </section>`;
};

const Usage = ({ usage }) => html`
  <section class="card" aria-labelledby="usage-title">
    <h2 id="usage-title">Models <span class="card-link">
      ${usage.cost ? money(usage.cost) : ""}${usage.cost && usage.cost_estimated ? " estimated" : ""}</span></h2>
    <ul class="plain-list">${usage.models.map((model) => html`
      <li class="model"><b>${model.model}</b><span class="model-cost">${model.cost ? money(model.cost) : ""}</span>
        <span class="muted">${plural(model.requests, "call")} · ${count(model.input_tokens)} tokens in${
          model.cache_read_tokens ? ` (${count(model.cache_read_tokens)} cached)` : ""
        } · ${count(model.output_tokens)} out</span></li>`)}</ul>
  </section>`;

const Account = memo(({ source }) => html`
  <section class="card" aria-labelledby="account-title"><h2 id="account-title">Summary</h2><${Markdown}
      source=${source} /></section>`);

export function Overview({ store }) {
  const { task } = store;
  const { findings = [], summary_markdown: account } = task.result ?? {};
  const runs = !["plan", "custom"].includes(task.task_type) || store.tests.size > 0;
  return html`
    <div class="overview" data-tone=${standing(task).tone}>
      <div class="overview-main">
        ${task.status === "failed" && task.error && html`<${Failure} error=${task.error} />`}
        ${runs && html`<${Strip} store=${store} />`}
        ${account && html`<${Account} source=${account} />`}
        ${findings.length > 0 && html`<${Top} store=${store} findings=${findings} />`}
        <${Recent} store=${store} />
      </div>
      <div class="overview-side">
        <${Facts} task=${task} />
        ${task.usage?.models?.length > 0 && html`<${Usage} usage=${task.usage} />`}
      </div>
    </div>`;
}
