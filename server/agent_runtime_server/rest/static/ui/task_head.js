// Who the task is, where it stands, and what can be done with it.

import { html, useRef } from "../vendor/preact-htm/standalone.js";
import { CancelSheet } from "./cancel.js";
import { reportOf } from "./artifacts.js";
import { count, elapsed, host, plural, seconds, since, span } from "./format.js";
import { Badge, Icon } from "./glyph.js";
import { useTick } from "./hooks.js";
import { Copy, Out } from "./parts.js";
import { Phases } from "./phases.js";
import { RetrySheet } from "./retry.js";
import { href } from "./router.js";
import { url } from "./api.js";
import { PHASES, standing, TYPES } from "./words.js";

/** How the stream is: what one sees is live, or how old it may be. */
function Connection({ store }) {
  if (store.catchingUp) return html`<span class="connection idle" data-state="catching-up">Reading${" "}<span
      class="wide-only">${count(store.seen)} of ${count(store.head)}</span></span>`;
  if (store.state === "reconnecting") {
    return html`<span class="connection warn" data-state="reconnecting">Reconnecting${" "}<span
        class="wide-only">after event ${count(store.seen)}</span></span>`;
  }
  if (store.task.done) return html`<span class="connection idle" data-state="ended">${count(store.seen)} events</span>`;
  const words = { connecting: ["Connecting", "idle"], live: ["Live", "good"], ended: ["Ended", "idle"] };
  const [word, tone] = words[store.state];
  return html`<span class="connection ${tone}" data-state=${store.state}>${word}${" "}<span
      class="wide-only">event ${count(store.seen)}</span></span>`;
}

export function TaskHead({ store }) {
  const { task } = store;
  const [cancel, retry] = [useRef(), useRef()];
  useTick(!task.done);
  const { label, tone } = standing(task);
  const report = reportOf(store);
  const took = task.start_time ? (task.done ? span : elapsed)(since(task.start_time, task.end_time)) : "";
  return html`
    <header class="head">
      <div class="head-line">
        <a class="quiet back" href=${href.list} aria-label="All tasks"><${Icon} name="back" /></a>
        <h1 id="task-title">${host(task.configuration?.app_url)}</h1>
        <${Badge} tone=${tone}>${label}<//>
      </div>
      <div class="actions">
          ${report && html`<${Out} href=${url.report(task.session_id, report.path)}>Report<//>`}
          ${task.done
            ? html`<button class="button" onClick=${() => retry.current.showModal()}><${Icon}
                name="again" />Retry</button>`
            : html`<button class="button" onClick=${() => cancel.current.showModal()}><${Icon} name="stop" />
              ${task.status === "cancelling" ? "Stop at once" : "Cancel"}</button>`}
      </div>
      <div class="head-facts">
        <span class="type">${TYPES[task.task_type] ?? task.task_type}</span>
        <span class="id"><code>${task.id}</code><${Copy} text=${task.id} label="the id" /></span>
        <span class="took">${took}</span>
        <${Connection} store=${store} />
      </div>
      <${Phases} store=${store} />
      <p class="activity" title=${task.current_activity}>
        ${task.status === "running" && html`<b class="activity-phase">
          ${PHASES[task.current_phase]} </b>`}${activity(task)}</p>
      <${CancelSheet} dialog=${cancel} task=${task} />
      <${RetrySheet} dialog=${retry} store=${store} />
    </header>`;
}

const WAITS = { slot: "for a free place", session: "for another task of its session", retry: "before another attempt" };

function activity(task) {
  if (task.status === "pending") {
    if (!task.queue) return "Waiting for a place to run";
    const { position, length, waiting_for: what } = task.queue;
    return `Number ${position} of ${length} in the queue, waiting ${WAITS[what] ?? ""}`;
  }
  if (task.status === "cancelling") return "Stopping every process that it has started";
  const { total, expected, duration } = task.result?.summary ?? {};
  const tests = total ? `${expected} of ${plural(total, "test")} passed, in ${span(seconds(duration))}` : "";
  if (task.done) return task.error?.status?.message ?? task.cancellation?.reason ?? tests;
  return task.current_activity ?? "";
}
