// Asking a task to stop.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { post, url } from "./api.js";
import { useCall } from "./hooks.js";
import { Fault } from "./parts.js";

export function CancelSheet({ dialog, task }) {
  const [reason, write] = useState("");
  const stop = useCall(async (mode) => {
    await post(`${url.task(task.id)}:cancel`, { reason, mode });
    dialog.current.close();
  });
  const cancelling = task.status === "cancelling";
  return html`
    <dialog ref=${dialog} class="sheet" aria-labelledby="cancel-title">
      <h2 id="cancel-title">${cancelling ? "Stop at once?" : "Cancel this task?"}</h2>
      <p>${
        cancelling
          ? "It is stopping in good order. Stopping at once keeps only what is recorded already."
          : "It stops in good order and keeps what it has made. It reads cancelled once its processes are gone."
      }</p>
      ${!cancelling && html`<label class="field"><span>Reason, if you like</span>
        <input value=${reason} maxlength="1000" onInput=${(event) => write(event.target.value)} /></label>`}
      ${stop.fault && html`<${Fault} fault=${stop.fault} />`}
      <div class="sheet-actions">
        <button class="button" onClick=${() => dialog.current.close()}>Keep it running</button>
        <button class="button danger" disabled=${stop.busy}
            onClick=${() => stop.run(cancelling ? "force" : "graceful")}>
          ${cancelling ? "Stop at once" : "Cancel the task"}</button>
      </div>
    </dialog>`;
}
