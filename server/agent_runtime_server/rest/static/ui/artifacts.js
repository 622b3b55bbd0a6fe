// Everything that the task has kept, to open or to take away.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { url } from "./api.js";
import { bytes, moment } from "./format.js";
import { Icon } from "./glyph.js";
import { Empty, Out } from "./parts.js";
import { spoken } from "./words.js";

/** The newest HTML report of a task: it can be browsed in the session. */
export const reportOf = (store) => [...store.artifacts.values()].filter(({ kind }) => kind === "report").at(-1);

const PAGE = 200;
const SEEN_HERE = /^(image|video)\/|^text\/plain/;

function Actions({ store, artifact }) {
  const source = url.artifact(store.id, artifact.id);
  return html`
    ${artifact.kind === "trace" && html`<${Out} class="quiet" href=${url.trace(store.id, artifact.id)}>View<//>`}
    ${artifact.kind === "report" && html`<${Out} class="quiet"
        href=${url.report(store.task.session_id, artifact.path)}>View<//>`}
    ${SEEN_HERE.test(artifact.media_type) && html`<${Out} class="quiet" href=${source}>View<//>`}
    <a class="quiet" href=${source} download aria-label="Download ${artifact.path}"><${Icon} name="down" /></a>`;
}

export function Artifacts({ store }) {
  const [kind, choose] = useState("");
  const [shown, show] = useState(PAGE);
  const all = [...store.artifacts.values()];
  const kinds = [...new Set(all.map((artifact) => artifact.kind))].sort();
  const rows = all.filter((artifact) => !kind || artifact.kind === kind);
  if (!all.length) return html`<${Empty}
      title="No artifacts">Plans, tests, reports, traces, videos and screenshots show here as they are kept.<//>`;
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Artifacts">
      <div class="tools">
        <div class="chips" role="group" aria-label="Kind">
          ${["", ...kinds].map((name) => html`<button class="chip" key=${name} aria-pressed=${kind === name}
              onClick=${() => choose(name)}>
            ${name ? spoken(name) : "All"} <b>
              ${name ? all.filter((artifact) => artifact.kind === name).length : all.length}</b></button>`)}
        </div>
        <span class="spring"></span>
        <a class="quiet" href=${url.archive(store.task.session_id)} download><${Icon}
            name="down" />Whole session (zip)</a>
      </div>
      <table class="artifacts">
        <thead><tr><th>Kind</th><th>Path</th><th>Size</th><th class="wide-only">Kept</th><th><span
            class="unseen">Actions</span></th></tr></thead>
        <tbody>${rows.slice(0, shown).map((artifact) => html`
          <tr key=${artifact.id}><td>${spoken(artifact.kind)}</td><td class="path"><code>${artifact.path}</code></td><td
              class="size">${bytes(artifact.size_bytes)}</td>
            <td class="wide-only muted">${moment(artifact.create_time)}</td><td class="row-actions"><${Actions}
                store=${store} artifact=${artifact} /></td></tr>`)}</tbody>
      </table>
      ${rows.length > shown && html`<button class="quiet more" onClick=${() => show(shown + PAGE)}>Show more</button>`}
    </div>`;
}
