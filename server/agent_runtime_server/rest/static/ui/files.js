// The files of the session, and one of them.

import { html, useEffect, useState } from "../vendor/preact-htm/standalone.js";
import { all, text, url } from "./api.js";
import { bytes } from "./format.js";
import { Icon } from "./glyph.js";
import { useLoaded } from "./hooks.js";
import { Markdown } from "./markdown.js";
import { Code, Empty, Fault, memo } from "./parts.js";
import { href } from "./router.js";
import { VirtualList } from "./virtual.js";

const SETTLE = 1500;
const IMAGE = /\.(png|jpe?g|gif|webp)$/i;
const VIDEO = /\.(webm|mp4)$/i;
const TEXT = /\.(tsx?|[mc]?jsx?|jsonl?|md|txt|html|css|xml|ya?ml|csv|log|toml|diff)$/i;
const WITHOUT_KIND = /(^|\/)\.?[^./]+$/;

/** The value once it has not changed for a while: files come in bursts. */
function useSettled(value) {
  const [settled, set] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => set(value), SETTLE);
    return () => clearTimeout(timer);
  }, [value]);
  return settled;
}

function Body({ session, path }) {
  const source = url.file(session, path);
  const readable = TEXT.test(path) || WITHOUT_KIND.test(path);
  const found = useLoaded((signal) => (readable ? text(source, signal) : Promise.resolve()), [source]);
  if (IMAGE.test(path)) return html`<img src=${source} alt=${path} />`;
  if (VIDEO.test(path)) return html`<video controls preload="metadata" src=${source} aria-label=${path}></video>`;
  if (!readable) return html`<${Empty} title="Not shown here">It can be downloaded.<//>`;
  if (found.fault) return html`<${Fault} fault=${found.fault} />`;
  if (!found.value) return html`<div class="loading" role="status">Loading…</div>`;
  return html`
    ${path.endsWith(".md") ? html`<div class="document"><${Markdown} source=${found.value.text} /></div>` :
      html`<${Code} label=${path}>${found.value.text}<//>`}
    ${found.value.cut && html`<p class="muted">Only its beginning is shown.</p>`}`;
}

const File = memo(({ session, task, path }) => html`
  <section class="file" aria-labelledby="file-title">
    <div class="test-head">
      <a class="quiet back" href=${href.task(task, "files")} aria-label="All files"><${Icon} name="back" /></a>
      <h2 id="file-title"><code>${path}</code></h2><span class="spring"></span>
      <a class="quiet" href=${url.file(session, path)} download><${Icon} name="down" />Download</a>
    </div>
    <${Body} key=${path} session=${session} path=${path} />
  </section>`);

const Row = ({ file, task, chosen }) => {
  const cut = file.path.lastIndexOf("/") + 1;
  return html`
    <a class="file-row" href=${href.task(task, "files", file.path)} aria-current=${chosen ? "true" : undefined}
        title=${file.path}>
      <span class="file-path"><span class="muted">${file.path.slice(0, cut)}</span>${file.path.slice(cut)}</span><span
          class="size">${bytes(file.size_bytes)}</span>
    </a>`;
};

export function Files({ store, detail }) {
  const session = store.task.session_id;
  const changes = useSettled(store.files + (store.task.done ? 0.5 : 0));
  const [words, type] = useState("");
  const found = useLoaded((signal) => all(url.files(session), "files", signal), [session, changes]);
  if (found.fault) return html`<${Fault} fault=${found.fault} />`;
  if (!found.value) return html`<div class="loading" role="status">Loading…</div>`;
  const rows = found.value.filter((file) => !file.directory && file.path.toLowerCase().includes(words.toLowerCase()));
  return html`
    <div class="split files" data-detail=${String(Boolean(detail))}>
      <div class="split-list">
        <div class="tools"><input type="search" placeholder="Find a file" aria-label="Find a file" value=${words}
            onInput=${(event) => type(event.target.value)} />
          <span class="muted tools-count">${rows.length}</span></div>
        <${VirtualList} items=${rows} row=${30} label="Files" draw=${(file) => html`<${Row} file=${file}
            task=${store.id} chosen=${file.path === detail} />`} />
      </div>
      ${detail ? html`<${File} session=${session} task=${store.id} path=${detail} />` : html`<${Empty}
          title="Choose a file">The session's folder, without dependencies.<//>`}
    </div>`;
}
