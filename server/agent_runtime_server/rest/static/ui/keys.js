// Keyboard shortcuts, and what tells of them.

import { html } from "../vendor/preact-htm/standalone.js";
import { Icon } from "./glyph.js";
import { go, href, place } from "./router.js";

const HELP = [
  [["n"], "New task"],
  [["j", "k"], "Next and previous task"],
  [["/"], "Filter the tasks"],
  [["1", "…", "8"], "Panes of a task"],
  [["Esc"], "Back to the list"],
  [["?"], "These keys"],
];

export const Keys = ({ dialog }) => html`
  <dialog ref=${dialog} class="sheet" aria-labelledby="keys-title">
    <form method="dialog">
      <div class="sheet-head"><h2 id="keys-title">Keyboard</h2><button class="quiet" aria-label="Close"><${Icon}
          name="close" /></button></div>
      <dl class="keys">${HELP.map(([names, what]) => html`<dt>${names.map((name) => html`<kbd>${name}</kbd>`)}</dt><dd>
        ${what}</dd>`)}</dl>
    </form>
  </dialog>`;

const writes = (element) => element.closest("input, textarea, select, dialog") || element.isContentEditable;

/** Listens until the returned function is called. */
export function shortcuts({ list, showKeys }) {
  const step = (by) => {
    const { id: shown, pane } = place(); // by the address: keys may come faster than the page is drawn
    const ids = list.rows.map(({ id }) => id);
    const next = ids[Math.min(Math.max(ids.indexOf(shown) + by, 0), ids.length - 1)];
    if (next) go(href.task(next, pane));
  };
  const actions = {
    n: () => go(href.create),
    j: () => step(1),
    k: () => step(-1),
    "/": () => document.getElementById("filter").focus(),
    "?": showKeys,
    Escape: () => go(href.list),
  };
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (writes(event.target)) {
      if (event.key === "Escape" && event.target.id === "filter") event.target.blur();
      return;
    }
    const pane = /^[1-8]$/.test(event.key) && document.querySelectorAll('[role="tab"]')[Number(event.key) - 1];
    if (!pane && !actions[event.key]) return;
    event.preventDefault();
    if (pane) pane.click();
    else actions[event.key]();
  };
  addEventListener("keydown", pressed);
  return () => removeEventListener("keydown", pressed);
}
