// One task: its head, what it wants to know, and panes with everything about it.

import { html, useEffect, useMemo, useRef } from "../vendor/preact-htm/standalone.js";
import { Agent } from "./agent.js";
import { Artifacts } from "./artifacts.js";
import { Files } from "./files.js";
import { Findings } from "./findings.js";
import { host } from "./format.js";
import { useStore } from "./hooks.js";
import { Log } from "./log.js";
import { Overview } from "./overview.js";
import { Empty } from "./parts.js";
import { Plan, planOf } from "./plan.js";
import { Questions } from "./questions.js";
import { href } from "./router.js";
import { TaskHead } from "./task_head.js";
import { TaskStore } from "./task_store.js";
import { latestRound, Tests } from "./tests.js";
import { standing } from "./words.js";

const found = ({ result }) => [...(result?.findings ?? []), ...(result?.repairs ?? [])];

const PANES = {
  "": ["Overview", Overview, () => undefined],
  tests: ["Tests", Tests, (store) => latestRound(store.tests).length],
  log: ["Log", Log, () => undefined],
  agent: ["Agent", Agent, (store) => store.agent.size],
  plan: ["Plan", Plan, (store) => (planOf(store) ? undefined : 0)],
  findings: ["Findings", Findings, ({ task }) => found(task).length],
  files: ["Files", Files, () => undefined],
  artifacts: ["Artifacts", Artifacts, (store) => store.artifacts.size],
};

function Tabs({ store, pane }) {
  const bar = useRef();
  const names = Object.keys(PANES);
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    const tabs = [...bar.current.children];
    const next = tabs[(tabs.indexOf(document.activeElement) + by + tabs.length) % tabs.length];
    next.focus();
    next.click();
  };
  useEffect(() => {
    bar.current.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [pane]);
  return html`
    <div class="tabs" role="tablist" aria-label="Parts of the task" ref=${bar} onKeyDown=${move}>
      ${names.map((name) => {
        const [title, , count] = PANES[name];
        const number = count(store);
        return html`<a role="tab" id="tab-${name || "overview"}" href=${href.task(store.id, name)}
            aria-selected=${name === pane}
          aria-controls="pane" tabindex=${name === pane ? 0 : -1} class=${number === 0 ? "without" : ""}>
          ${title}<span class="tab-count">${number || ""}</span></a>`;
      })}
    </div>`;
}

export function Task({ id, pane, detail }) {
  const store = useStore(useMemo(() => new TaskStore(id), [id]));
  const { task, fault } = store;
  useEffect(() => store.start(), [store]);
  const { label } = task ? standing(task) : { label: "" };
  useEffect(() => {
    if (task) document.title = `${label} · ${host(task.configuration?.app_url)}`;
  }, [label]);
  if (fault) return html`<${Empty} title=${fault.status === 404 ? "There is no such task" : fault.message}><a
      href=${href.list}>All tasks</a><//>`;
  if (!task) return html`<div class="loading" role="status">Loading…</div>`;
  const shown = PANES[pane] ? pane : "";
  const [, Pane] = PANES[shown];
  return html`
    <article class="task" aria-labelledby="task-title">
      <p class="unseen" role="status">${label}</p>
      <${TaskHead} store=${store} />
      <${Tabs} store=${store} pane=${shown} />
      <div class="pane" id="pane" role="tabpanel" aria-labelledby="tab-${shown || "overview"}">
        <${Pane} store=${store} detail=${detail} />
      </div>
      <${Questions} store=${store} />
    </article>`;
}
