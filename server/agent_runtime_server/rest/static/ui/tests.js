// Test results as they come, and one of them in full.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { Attempts } from "./attempts.js";
import { seconds, span } from "./format.js";
import { Badge, Glyph, Icon } from "./glyph.js";
import { Empty } from "./parts.js";
import { go, href } from "./router.js";
import { testKey } from "./task_store.js";
import { label, OUTCOMES, tone } from "./words.js";
import { VirtualList } from "./virtual.js";

/** The results of the newest run; a repair runs the suite again. */
export function latestRound(tests, round) {
  const all = [...tests.values()];
  const wanted = round ?? all.reduce((newest, test) => Math.max(newest, test.round), 0);
  return all.filter((test) => test.round === wanted);
}

const BAD_FIRST = ["unexpected", "flaky", "unspecified", "expected", "skipped"];
const worst = (one, other) => BAD_FIRST.indexOf(one.outcome) - BAD_FIRST.indexOf(other.outcome);
const took = (test) => test.attempts?.reduce((sum, attempt) => sum + seconds(attempt.duration), 0) ?? 0;
const group = (test) => test.title_path.slice(1, -1).join(" › ") || test.location?.path || "";

const Row = ({ test, chosen, task }) => html`
  <a class="test-row" href=${href.task(task, "tests", testKey(test))} aria-current=${chosen ? "true" : undefined}>
    <${Glyph} tone=${tone(OUTCOMES, test.outcome)} />
    <span class="test-title">${test.title_path.at(-1)}<span class="unseen"> ${label(OUTCOMES, test.outcome)}</span>
      </span>
    <span class="test-time">${span(took(test))}</span>
    <span class="test-group">${group(test)}</span>
    <span class="test-tries">${test.attempts?.length > 1 ? `${test.attempts.length} attempts` : ""}</span>
  </a>`;

const Detail = ({ store, test }) => html`
  <section class="test-detail" aria-labelledby="test-title">
    <div class="test-head">
      <a class="quiet back" href=${href.task(store.id, "tests")} aria-label="All tests"><${Icon} name="back" /></a>
      <div class="test-name"><p class="muted">${group(test)}</p><h2 id="test-title">${test.title_path.at(-1)}</h2>
        <p class="muted"><code>${test.location?.path}:${test.location?.line}
        </code> · ${test.project}${test.tags?.length ? ` · ${test.tags.join(" ")}` : ""}</p></div>
      <${Badge} tone=${tone(OUTCOMES, test.outcome)}>${label(OUTCOMES, test.outcome)}<//>
    </div>
    <${Attempts} key=${testKey(test)} store=${store} test=${test} />
  </section>`;

export function Tests({ store, detail }) {
  const [outcome, choose] = useState("");
  const [round, setRound] = useState();
  const rounds = [...new Set([...store.tests.values()].map((test) => test.round))].sort((one, other) => other - one);
  const tests = latestRound(store.tests, round);
  const rows = tests.filter((test) => !outcome || test.outcome === outcome).sort(worst);
  const chosen = [...store.tests.values()].find((test) => testKey(test) === detail) ?? (detail ? undefined : rows[0]);
  if (!tests.length) {
    return html`<${Empty} title="No test results">
      ${store.task.done ? "This task has run no tests." : "They show here one by one, as the tests end."}<//>`;
  }
  return html`
    <div class="split" data-detail=${String(Boolean(detail))}>
      <div class="split-list">
        <div class="tools">
          <div class="chips" role="group" aria-label="Outcome">
            ${["", ...Object.keys(OUTCOMES)].map((name) => {
              const number = name ? tests.filter((test) => test.outcome === name).length : tests.length;
              return (number > 0 || outcome === name) && html`
                <button class="chip" key=${name} aria-pressed=${outcome === name} onClick=${() => choose(name)}>
                  ${name ? label(OUTCOMES, name) : "All"} <b>${number}</b></button>`;
            })}
          </div>
          ${rounds.length > 1 && html`<select aria-label="Run" value=${round ?? rounds[0]}
              onChange=${(event) => setRound(Number(event.target.value))}>
            ${rounds.map((number) => html`<option value=${number}>Run ${number}</option>`)}</select>`}
        </div>
        <${VirtualList} items=${rows} row=${52} label="Tests" class="test-rows"
          draw=${(test) => html`<${Row} test=${test} task=${store.id} chosen=${test === chosen} />`} />
      </div>
      ${chosen ? html`<${Detail} store=${store} test=${chosen} />` : html`<${Empty} title="This test is not here (yet)">
        <button class="quiet" onClick=${() => go(href.task(store.id, "tests"))}>All tests</button><//>`}
    </div>`;
}
