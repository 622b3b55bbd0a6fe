// The list of tasks, with what each is doing.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { ago, elapsed, host, since } from "./format.js";
import { Glyph } from "./glyph.js";
import { useTick } from "./hooks.js";
import { Fault, memo } from "./parts.js";
import { href } from "./router.js";
import { PHASES, standing, TYPES } from "./words.js";

const VIEWS = {
  all: ["All", () => true],
  active: ["Active", (task) => !task.done],
  ask: ["Waiting for you", (task) => task.pending_input_ids?.length > 0],
  bad: ["Failed", (task) => standing(task).tone === "bad"],
};

const CONNECTION = {
  connecting: ["Connecting", "idle"],
  live: ["Live", "good"],
  reconnecting: ["Reconnecting", "warn"],
};

function doing(task) {
  if (task.status === "running" || task.status === "cancelling") {
    const { completed, total } = task.progress ?? {};
    const steps = total ? ` ${completed}/${total}` : "";
    return (task.status === "cancelling" ? "Cancelling" : (PHASES[task.current_phase] ?? "Starting")) + steps;
  }
  if (task.status === "pending" && task.queue?.position) return `Queued, number ${task.queue.position}`;
  const { expected, total } = task.result?.summary ?? {};
  return standing(task).label + (total ? ` · ${expected}/${total}` : "");
}

const Row = ({ task, chosen }) => {
  const { tone, label } = standing(task);
  return html`
    <li>
      <a class="row" href=${href.task(task.id)} aria-current=${chosen ? "page" : undefined}>
        <${Glyph} tone=${tone} />
        <span class="row-title">${host(task.configuration?.app_url)}</span>
        <span class="row-time">${
          task.done ? ago(task.create_time) : elapsed(since(task.start_time ?? task.create_time))
        }</span>
        <span class="row-type">${TYPES[task.task_type] ?? task.task_type}</span>
        <span class="row-state ${tone}">${doing(task)}<span class="unseen"> (${label})</span></span>
      </a>
    </li>`;
};

export const TaskList = memo(function TaskList({ list, chosen }) {
  const [words, type] = useState("");
  const [view, show] = useState("all");
  useTick(list.rows.some((task) => !task.done));
  const wanted = words.toLowerCase();
  const about = (task) => [task.id, task.configuration?.app_url, task.session_id, TYPES[task.task_type]].join(" ");
  const fits = (task) => about(task).toLowerCase().includes(wanted);
  const rows = list.rows.filter(VIEWS[view][1]).filter(fits);
  const [state, tone] = CONNECTION[list.state];
  return html`
    <nav class="list" aria-label="Tasks">
      <div class="list-head">
        <div class="list-line">
          <h2>Tasks</h2><span class="list-count">${list.total || ""}</span><span class="spring"></span>
          <span class="connection ${tone}" data-state=${list.state}>${state}</span>
        </div>
        <div class="list-line">
          <input id="filter" type="search" placeholder="Filter  /" aria-label="Filter the tasks" value=${words}
              onInput=${(event) => type(event.target.value)} />
          <select aria-label="Which tasks" value=${view} onChange=${(event) => show(event.target.value)}>
            ${Object.entries(VIEWS).map(([name, [title]]) => html`<option value=${name}>${title}</option>`)}
          </select>
        </div>
      </div>
      ${list.fault && html`<${Fault} fault=${list.fault} />`}
      <ul class="rows">
        ${rows.map((task) => html`<${Row} key=${task.id} task=${task} chosen=${task.id === chosen} />`)}
        ${list.more && html`<li><button class="quiet more" onClick=${() => list.load()}>Show older tasks</button></li>`}
        ${!rows.length && list.state !== "connecting" && html`<li class="none">
          ${list.tasks.size ? "No task fits." : "No tasks yet."}</li>`}
      </ul>
    </nav>`;
});
