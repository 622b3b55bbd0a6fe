// Making a new task from a finished one.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { freshKey, post, url } from "./api.js";
import { useCall } from "./hooks.js";
import { Fault } from "./parts.js";
import { go, href } from "./router.js";
import { PHASES, phasesOf } from "./words.js";

export function RetrySheet({ dialog, store }) {
  const { task } = store;
  const [phase, choose] = useState("");
  const [failedOnly, setFailedOnly] = useState(false);
  const [password, write] = useState("");
  const signIn = task.configuration?.sign_in;
  const signsIn = signIn?.method === "username_password";
  const again = useCall(async () => {
    const made = await post(`${url.task(task.id)}:retry`, {
      ...(phase && !failedOnly ? { from_phase: phase } : {}),
      ...(failedOnly ? { failed_tests_only: true, from_phase: "running_tests" } : {}),
      ...(signsIn ? { sign_in: { method: signIn.method, username: signIn.username, password } } : {}),
    }, freshKey());
    dialog.current.close();
    go(href.task(made.id));
  });
  const phases = phasesOf(task, new Map()).filter((name) => !["preparing", "collecting"].includes(name));
  const failed = task.result?.summary?.unexpected > 0;
  return html`
    <dialog ref=${dialog} class="sheet" aria-labelledby="retry-title">
      <h2 id="retry-title">Run it again</h2>
      <p>A new task, in the same session.</p>
      ${phases.length > 1 && html`<label class="field"><span>Start from</span>
        <select value=${phase} disabled=${failedOnly} onChange=${(event) => choose(event.target.value)}>
          <option value="">The beginning</option>
          ${phases.slice(1).map((name) => html`<option value=${name}>${PHASES[name]}</option>`)}
        </select></label>`}
      ${failed && html`<label class="check"><input type="checkbox" checked=${failedOnly}
          onChange=${(event) => setFailedOnly(event.target.checked)} />
        Only the tests that failed</label>`}
      ${signsIn && html`<label class="field"><span>Password of ${signIn.username}</span>
        <input type="password" autocomplete="off" value=${password} onInput=${(event) => write(event.target.value)} />
        <small>It was wiped when the task ended.</small></label>`}
      ${again.fault && html`<${Fault} fault=${again.fault} />`}
      <div class="sheet-actions">
        <button class="button" onClick=${() => dialog.current.close()}>Back</button>
        <button class="button primary" disabled=${again.busy || (signsIn && !password)}
            onClick=${again.run}>Retry</button>
      </div>
    </dialog>`;
}
