// Fields of forms: a label, a hint, and the fault that the server found.

import { html } from "../vendor/preact-htm/standalone.js";
import { PATHS } from "./request.js";

/** Faults by the field that they belong to (a path, or the start of one), and those that belong to none. */
export function placeFaults(violations = []) {
  const placed = { at: {}, elsewhere: [] };
  for (const violation of violations) {
    const path = violation.field.replace(/^task\./, "");
    const name = Object.keys(PATHS).find((each) => `${path}.`.replace("[", ".").startsWith(`${PATHS[each]}.`));
    if (name && !placed.at[name]) placed.at[name] = violation.text;
    else if (!name) placed.elsewhere.push(violation);
  }
  return placed;
}

const notes = (name, hint, fault) => html`
  ${hint && html`<small id="${name}-hint">${hint}</small>`}
  ${fault && html`<small class="field-fault" id="${name}-fault">${fault}</small>`}`;

const described = (name, hint, fault) =>
  [hint && `${name}-hint`, fault && `${name}-fault`].filter(Boolean).join(" ") || undefined;

export function Field({ name, label, value, change, hint, fault, rows, ...others }) {
  const Tag = rows ? "textarea" : "input";
  return html`
    <div class="field">
      <label for="field-${name}">${label}</label>
      <${Tag} id="field-${name}" name=${name} value=${value} rows=${rows} aria-invalid=${Boolean(fault)}
          aria-describedby=${described(name, hint, fault)}
        onInput=${(event) => change(event.target.value)} ...${others} />
      ${notes(name, hint, fault)}
    </div>`;
}

export const Choice = ({ name, label, value, change, options, hint, fault }) => html`
  <div class="field">
    <label for="field-${name}">${label}</label>
    <select id="field-${name}" name=${name} value=${value} aria-invalid=${Boolean(fault)}
        aria-describedby=${described(name, hint, fault)}
      onChange=${(event) => change(event.target.value)}>${options.map(([key, title]) => html`<option value=${key}>
        ${title}</option>`)}</select>
    ${notes(name, hint, fault)}
  </div>`;

export const Check = ({ name, label, value, change, fault }) => html`
  <div class="field">
    <label class="check"><input type="checkbox" name=${name} checked=${value} aria-invalid=${Boolean(fault)}
        aria-describedby=${described(name, "", fault)}
      onChange=${(event) => change(event.target.checked)} />${label}</label>
    ${notes(name, "", fault)}
  </div>`;
