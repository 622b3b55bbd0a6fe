// The form for a new task. The server checks it; what it does not like is said at the field.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { freshKey, post, url } from "./api.js";
import { Check, Choice, Field, placeFaults } from "./fields.js";
import { useCall } from "./hooks.js";
import { Fault } from "./parts.js";
import { go, href } from "./router.js";
import { requestOf, shows, START } from "./request.js";
import { TYPES } from "./words.js";

const WHAT = {
  complete: "Explores the app, writes a plan and tests, and runs them",
  plan: "Explores the app and writes a test plan",
  generate: "Writes tests from a session's plan",
  run: "Runs a session's tests",
  fix: "Repairs a session's failing tests",
  custom: "Follows your instructions in a session",
};

function Kinds({ value, change, offered }) {
  return html`
    <fieldset class="kinds"><legend>What to do</legend>
      ${Object.entries(WHAT).filter(([type]) => offered.includes(type)).map(([type, what]) => html`
        <label class="kind"><input type="radio" name="task_type" value=${type} checked=${value === type}
            onChange=${() => change(type)} />
          <span class="kind-name">${TYPES[type]}</span><span class="kind-what">${what}</span></label>`)}
    </fieldset>`;
}

function More({ form, field, info }) {
  const drivers = info?.drivers ?? [];
  const driver = drivers.find(({ name }) => name === (form.driver || info?.default_driver));
  const has = (name) => shows(form, name);
  return html`
    <details class="more-options"><summary>More options</summary>
      ${has("driver") && html`<${Choice} ...${field("driver")} label="Driver"
        options=${[
          ["", `Default (${info?.default_driver ?? "the server's"})`],
          ...drivers.map(({ name, available }) => [name, available ? name : `${name}, not available`]),
        ]}
        hint=${driver && !driver.available ? driver.message : "The explorer needs no language model."} />`}
      ${has("model") && html`<${Field} ...${field("model")} label="Model" placeholder="provider/model"
          hint="For drivers that use one." />`}
      ${has("retries") && html`<div class="pair">
        <${Field} ...${field("retries")} label="Attempts after a failing one" type="number" min="0" max="10" />
        <${Field} ...${field("workers")} label="Parallel workers" type="number" min="0" max="64"
            hint="0: the server's default" />
      </div>`}
      ${has("grep") && html`<${Field} ...${field("grep")} label="Only tests whose title fits"
          placeholder="cart|checkout" />`}
      ${has("rounds") && html`
        <${Field} ...${field("rounds")} label="Repair rounds" type="number" min="0" max="20"
            hint="For tests that fail. 0: none for a new suite, 3 for a repair." />
        <${Check} ...${field("review")} label="Ask me before an assertion is changed" />`}
      <div class="pair">
        <${Field} ...${field("max_tokens")} label="Most tokens" type="number" min="0" hint="0: no limit" />
        <${Field} ...${field("max_cost")} label="Most cost, in USD" type="number" min="0" step="0.01" />
      </div>
      ${has("destructive") && html`<${Check} ...${field("destructive")}
          label="Let the explorer delete, pay and publish data that it did not make" />`}
      <${Field} ...${field("labels")} label="Labels" placeholder="team=shop, build=42" />
    </details>`;
}

export function CreateForm({ info }) {
  const [form, set] = useState(START);
  const key = useRef();
  const box = useRef();
  const create = useCall(async () => {
    key.current ??= freshKey();
    const task = await post(url.tasks, requestOf(form), key.current);
    go(href.task(task.id));
  });
  const faults = placeFaults(create.fault?.violations);
  const field = (name) => ({
    name,
    value: form[name],
    fault: faults.at[name],
    change: (value) => {
      key.current = undefined;
      set((before) => ({ ...before, [name]: value }));
    },
  });
  useEffect(() => {
    document.title = "New task";
  }, []);
  useEffect(() => {
    const wrong = box.current?.querySelector('[aria-invalid="true"]');
    wrong?.closest("details")?.setAttribute("open", "");
    wrong?.focus();
  }, [create.fault]);
  const send = (event) => {
    event.preventDefault();
    void create.run();
  };
  return html`
    <form class="create" ref=${box} onSubmit=${send} noValidate aria-labelledby="create-title">
      <h1 id="create-title">New task</h1>
      ${create.fault && (!create.fault.violations.length || faults.elsewhere.length > 0) &&
        html`<${Fault} fault=${{ message: create.fault.message, violations: faults.elsewhere }} />`}
      <${Field} ...${field("app_url")} label="Address of the app" type="url"
          placeholder="https://shop.example.com" required autofocus />
      <${Kinds} value=${form.task_type} change=${field("task_type").change}
          offered=${info?.task_types ?? Object.keys(WHAT)} />
      ${shows(form, "session_id") && html`<${Field} ...${field("session_id")} label="Session"
          placeholder="The id of an earlier task, or of a session"
        hint=${form.task_type === "custom" ? "Empty makes a new one." : "It must have what this works on."} />`}
      <${Field} ...${field("instructions")} label="Instructions" rows="3"
          placeholder="Focus on login and checkout flows"
        hint=${form.task_type === "custom" ? "" : "If you like: what matters to you."} />
      <${Check} ...${field("signs_in")} label="The app wants a sign-in" />
      ${shows(form, "username") && html`<div class="pair">
        <${Field} ...${field("username")} label="User name" autocomplete="off" />
        <${Field} ...${field("password")} label="Password" type="password" autocomplete="new-password"
            hint="Sealed; wiped when the task ends." />
      </div>`}
      <${More} form=${form} field=${field} info=${info} />
      <div class="create-actions">
        <button class="button primary" disabled=${create.busy}>Create the task</button>
        <a class="button" href=${href.list}>Back</a>
      </div>
    </form>`;
}
