// The log as it is written: any number of lines, those in sight drawn.

import { html, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { url } from "./api.js";
import { clock, count, plain } from "./format.js";
import { Out } from "./parts.js";
import { Ring } from "./ring.js";
import { MOST_LINES } from "./task_store.js";
import { VirtualList } from "./virtual.js";

const LEVELS = { debug: "Everything", info: "Info and worse", warning: "Warnings and errors", error: "Errors" };
const RANK = { debug: 0, info: 1, warning: 2, error: 3, gap: 4 };
const SOURCES = { runtime: "runtime", agent: "agent", test_runner: "tests" };

/** The lines that fit, kept up to date line by line: filtering costs as much as what is new. */
function useFitting(log, level, words) {
  const kept = useRef({});
  if (level === "debug" && !words) return log;
  const key = `${level} ${words}`;
  if (kept.current.key !== key || kept.current.log !== log) {
    kept.current = { key, log, read: log.forgotten, fitting: new Ring(MOST_LINES) };
  }
  const { fitting } = kept.current;
  const wanted = words.toLowerCase();
  for (const line of log.slice(Math.max(0, kept.current.read - log.forgotten), log.length)) {
    if (RANK[line.level] >= RANK[level] && (!wanted || line.message.toLowerCase().includes(wanted))) fitting.push(line);
  }
  kept.current.read = log.forgotten + log.length;
  return fitting;
}

const Line = (line) => html`
  <div class="line ${line.level}">
    <span class="line-time">${line.time ? clock(line.time) : ""}</span>
    <span class="line-level">${line.level === "gap" ? "" : line.level}</span>
    <span class="line-source">${SOURCES[line.source] ?? ""}</span>
    <span class="line-text">${plain(line.message)}</span>
  </div>`;

export function Log({ store }) {
  const [level, choose] = useState("debug");
  const [words, type] = useState("");
  const lines = useFitting(store.log, level, words);
  return html`
    <div class="log">
      <div class="tools">
        <input type="search" placeholder="Find in the log" aria-label="Find in the log" value=${words}
            onInput=${(event) => type(event.target.value)} />
        <select aria-label="Level" value=${level} onChange=${(event) => choose(event.target.value)}>
          ${Object.entries(LEVELS).map(([name, title]) => html`<option value=${name}>${title}</option>`)}
        </select>
        <span class="spring"></span>
        <span class="muted tools-count">
          ${count(lines.length)} lines${
            store.log.forgotten ? `, ${count(store.log.forgotten)} older ones left out` : ""
          }</span>
        <${Out} class="quiet" href=${url.logs(store.id)}>JSON<//>
      </div>
      <${VirtualList} items=${lines} row=${20} draw=${Line} label="Log" follow=${true} class="log-lines"
          key=${`${level} ${words}`} />
    </div>`;
}
