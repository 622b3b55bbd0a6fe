// The test plan, as the explorer or an agent has written it.

import { html } from "../vendor/preact-htm/standalone.js";
import { text, url } from "./api.js";
import { useLoaded } from "./hooks.js";
import { Markdown } from "./markdown.js";
import { Empty, Fault, memo } from "./parts.js";

/** The newest plan of a task. */
export const planOf = (store) => [...store.artifacts.values()].filter(({ kind }) => kind === "plan").at(-1);

const Document = memo(function Document({ task, artifact }) {
  const found = useLoaded((signal) => text(url.artifact(task, artifact), signal), [task, artifact]);
  if (found.fault) return html`<${Fault} fault=${found.fault} />`;
  if (!found.value) return html`<div class="loading" role="status">Loading…</div>`;
  return html`<div class="document"><${Markdown} source=${found.value.text} />
    ${found.value.cut && html`<p><a href=${url.artifact(task, artifact)}>The whole plan</a></p>`}</div>`;
});

export function Plan({ store }) {
  const plan = planOf(store);
  if (plan) return html`<div class="scroll" tabindex="0" role="region" aria-label="Plan"><${Document} task=${store.id}
      artifact=${plan.id} /></div>`;
  return html`<${Empty} title="No plan">
    ${store.task.done ? "This task has written none." : "It shows here as soon as the app is explored."}<//>`;
}
