// The way of a task through its phases, with the time that each has taken.

import { html } from "../vendor/preact-htm/standalone.js";
import { count, elapsed, plural, span } from "./format.js";
import { PHASES, phasesOf } from "./words.js";

function stateOf(phase, order, task) {
  const failed = task.status === "failed" ? task.error?.phase : undefined;
  const at = order.indexOf(order.includes(failed) ? failed : task.current_phase);
  const place = order.indexOf(phase);
  if (task.status === "completed") return "done";
  if (at < 0 || place > at || task.status === "pending") return "ahead";
  if (place < at) return "done";
  if (!task.done) return "now";
  return task.status === "failed" ? "broken" : "stopped";
}

export function Phases({ store }) {
  const { task, phases } = store;
  const order = phasesOf(task, phases);
  return html`
    <ol class="phases" aria-label="Phases">
      ${order.map((phase) => {
        const state = stateOf(phase, order, task);
        const timing = phases.get(phase);
        const seconds = timing && timing.seconds + (timing.since ? Math.max(0, (Date.now() - timing.since) / 1000) : 0);
        const { completed = 0, total = 0, unit } = (state === "now" && task.progress) || {};
        const time = timing ? (state === "now" ? elapsed : span)(seconds) : "";
        return html`
          <li key=${phase} class="phase ${state}" aria-current=${state === "now" ? "step" : undefined}>
            <span class="phase-bar"><span class="phase-fill"
                style=${{ transform: `scaleX(${total ? completed / total : 1})` }} data-steps=${String(total > 0)}>
                  </span></span>
            <span class="phase-name">${PHASES[phase] ?? phase}</span>
            <span class="phase-time">${total ? `${count(completed)} of ${plural(total, unit)}` : time}</span>
          </li>`;
      })}
    </ol>`;
}
