// The page as a whole: the bar, the list of tasks, and beside it a task or the form for a new one.

import { html, render, useEffect, useMemo, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { CreateForm } from "./create.js";
import { useLoaded, usePlace, useStore } from "./hooks.js";
import { get } from "./api.js";
import { Icon } from "./glyph.js";
import { Keys, shortcuts } from "./keys.js";
import { ListStore } from "./list_store.js";
import { TaskList } from "./list.js";
import { href } from "./router.js";
import { Task } from "./task.js";

const THEMES = ["system", "light", "dark"];

function ThemeButton() {
  const [theme, set] = useState(window.theme.chosen());
  const next = () => {
    const chosen = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
    window.theme.choose(chosen);
    set(chosen);
  };
  return html`<button class="quiet" id="theme" onClick=${next} title="Theme: ${theme}"
      aria-label="Theme: ${theme}. Change">
    <${Icon} name="theme" /><span class="wide-only">${theme}</span>
  </button>`;
}

function Bar({ info, onKeys }) {
  return html`
    <header class="bar">
      <a class="mark" href=${href.list}><img src="/ui/icon.svg" alt="" width="22" height="22" />Agent Runtime</a>
      ${info.value && html`<span class="version wide-only">${info.value.version}</span>`}
      <span class="spring"></span>
      <a class="quiet wide-only" href="/docs">API</a>
      <button class="quiet wide-only" onClick=${onKeys} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">
        <${Icon} name="keys" /></button>
      <${ThemeButton} />
      <a class="button primary" href=${href.create}><${Icon} name="plus" />New task</a>
    </header>`;
}

const Welcome = ({ count }) => html`
  <div class="welcome">
    <h1>${count ? "Choose a task" : "Nothing has run yet"}</h1>
    <p>${
      count
        ? "Its phases, log, tests and files show here as they happen."
        : "Give it the address of a web app. It explores the app, writes a plan and Playwright tests, and runs them."
    }</p>
    <a class="button ${count ? "" : "primary"}" href=${href.create}>New task</a>
  </div>`;

function App() {
  const here = usePlace();
  const list = useStore(useMemo(() => new ListStore(), []));
  const info = useLoaded((signal) => get("/v1/info", signal), []);
  const keys = useRef();
  const main = useRef();
  useEffect(() => {
    void list.start();
    return () => list.stop();
  }, []);
  useEffect(() => shortcuts({ list, showKeys: () => keys.current.showModal() }), []);
  useEffect(() => {
    if (here.view === "list") document.title = "Agent Runtime";
  }, [here.view]);
  return html`
    <div class="app" data-view=${here.view}>
      <button class="skip" onClick=${() => main.current.focus()}>Skip to the task</button>
      <${Bar} info=${info} onKeys=${() => keys.current.showModal()} />
      <${TaskList} list=${list} version=${list.version} chosen=${here.id} />
      <main ref=${main} tabindex="-1">
        ${here.view === "task" && html`<${Task} key=${here.id} id=${here.id} pane=${here.pane}
            detail=${here.detail} />`}
        ${here.view === "new" && html`<${CreateForm} info=${info.value} />`}
        ${here.view === "list" && html`<${Welcome} count=${list.tasks.size} />`}
      </main>
      <${Keys} dialog=${keys} />
    </div>`;
}

render(html`<${App} />`, document.getElementById("app"));
