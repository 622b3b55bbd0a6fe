// A unified diff, with what was added and taken away.

import { html } from "../vendor/preact-htm/standalone.js";
import { text, url } from "./api.js";
import { useLoaded } from "./hooks.js";
import { Fault } from "./parts.js";

const kind = (line) => {
  if (/^(\+\+\+|---|diff |index )/.test(line)) return "file";
  return { "+": "added", "-": "removed", "@": "place" }[line[0]] ?? "";
};

export function Diff({ task, artifact }) {
  const found = useLoaded((signal) => text(url.artifact(task, artifact), signal), [task, artifact]);
  if (found.fault) return html`<${Fault} fault=${found.fault} />`;
  const lines = (found.value?.text ?? "").trimEnd().split("\n");
  return html`<pre class="code diff" tabindex="0" aria-label="What was changed">${lines.map((line) => html`<span
      class=${kind(line)}>${line}${"\n"}</span>`)}</pre>`;
}
