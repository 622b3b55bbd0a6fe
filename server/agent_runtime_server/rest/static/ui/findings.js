// What is wrong in the app, and what was done about tests that failed.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { Diff } from "./diff.js";
import { Badge } from "./glyph.js";
import { Empty } from "./parts.js";
import { label, REPAIRS, SEVERITY, spoken, tone } from "./words.js";

const RANK = ["high", "medium", "low"];
const SAFE = /^https?:/i;

const Finding = ({ finding }) => html`
  <li class="finding">
    <${Badge} tone=${tone(SEVERITY, finding.severity)}>${label(SEVERITY, finding.severity)}<//>
    <div class="finding-body">
      <h3>${finding.title}</h3>
      <p class="muted">${spoken(finding.kind)} · ${SAFE.test(finding.url) ? html`<a href=${finding.url} target="_blank"
          rel="noopener noreferrer">${finding.url}</a>` : finding.url}</p>
      ${finding.steps?.length > 0 && html`<ol>${finding.steps.map((step) => html`<li>${step}</li>`)}</ol>`}
    </div>
  </li>`;

function Repair({ store, repair }) {
  const [open, toggle] = useState(false);
  const test = [...store.tests.values()].find(({ id }) => id === repair.test_id);
  return html`
    <li class="finding repair">
      <${Badge} tone=${tone(REPAIRS, repair.verdict)}>${label(REPAIRS, repair.verdict)}<//>
      <div class="finding-body">
        <h3>${test?.title_path.at(-1) ?? repair.test_id}</h3>
        <p class="muted">${[
          repair.cause && repair.cause !== "unspecified" && `Cause: ${spoken(repair.cause).toLowerCase()}`,
          `round ${repair.round}`,
          repair.assertion_changed && "an assertion was changed",
          repair.reviewer && `reviewed by ${repair.reviewer}`,
        ].filter(Boolean).join(" · ")}</p>
        <p>${repair.explanation}</p>
        ${repair.diff_artifact_id && html`<details onToggle=${(event) => toggle(event.target.open)}>
          <summary>What was changed</summary>
          ${open && html`<${Diff} task=${store.id} artifact=${repair.diff_artifact_id} />`}</details>`}
      </div>
    </li>`;
}

export function Findings({ store }) {
  const { findings = [], repairs = [] } = store.task.result ?? {};
  if (!findings.length && !repairs.length) {
    return html`<${Empty} title="Nothing found">Server errors, broken links and controls without a name show here.<//>`;
  }
  const sorted = [...findings].sort((one, other) => RANK.indexOf(one.severity) - RANK.indexOf(other.severity));
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Findings">
      ${sorted.length > 0 && html`<h2 class="section">In the app</h2><ul class="plain-list">${sorted.map((finding) =>
        html`<${Finding} key=${finding.id} finding=${finding} />`)}</ul>`}
      ${repairs.length > 0 && html`<h2 class="section">Repairs</h2><ul class="plain-list">${repairs.map((repair) =>
        html`<${Repair} store=${store} repair=${repair} />`)}</ul>`}
    </div>`;
}
