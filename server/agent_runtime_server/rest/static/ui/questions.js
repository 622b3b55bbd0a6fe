// What the task waits for a person to say.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { post, url } from "./api.js";
import { since, span } from "./format.js";
import { Glyph } from "./glyph.js";
import { useCall, useTick } from "./hooks.js";
import { Code, Fault } from "./parts.js";
import { DECISIONS, QUESTIONS, spoken } from "./words.js";

function Question({ asked, more }) {
  const [text, write] = useState("");
  useTick(true);
  const address = url.answer(asked.task_id, asked.id);
  const answer = useCall((decision, words = text) => post(address, { decision, text: words }));
  const entered = ({ key, target }) => {
    if (key === "Enter" && target.value && decisions.includes("answer")) void answer.run("answer", target.value);
  };
  const choices = asked.choices ?? [];
  const decisions = (asked.allowed_decisions ?? []).filter((decision) => decision !== "answer" || !choices.length);
  const wording = decisions.includes("answer") ? "Your answer" : "A reason, if you like";
  const call = asked.tool_call;
  const left = -since(asked.expire_time);
  const decide = (decision) => html`
    <button key=${decision} class="button ${decision === "answer" || decision === "allow_once" ? "primary" : ""}"
      disabled=${answer.busy || (decision === "answer" && !text)} onClick=${() => answer.run(decision)}>
        ${DECISIONS[decision] ?? spoken(decision)}</button>`;
  return html`
    <section class="question" aria-labelledby="question-title">
      <h2 id="question-title"><${Glyph} tone="ask" />${QUESTIONS[asked.kind] ?? spoken(asked.kind)}
        <span class="question-left">
          ${left > 0 ? `${DECISIONS[asked.default_decision]} in ${span(left)}` : ""}${more ? ` · ${more} more` : ""}
          </span></h2>
      <p class="question-prompt">${asked.prompt}</p>
      ${call && html`<${Code} label="The tool call">${call.tool} ${JSON.stringify(call.arguments ?? {}, null, 1)}<//>`}
      ${choices.length > 0 && html`<div class="choices">
        ${choices.map((choice) => html`<button class="button" disabled=${answer.busy}
            onClick=${() => answer.run("answer", choice)}>${choice}</button>`)}</div>`}
      <div class="question-answer">
        <input aria-label=${wording} placeholder=${wording} value=${text}
          onInput=${(event) => write(event.target.value)}
          onKeyDown=${entered} />
        ${decisions.map(decide)}
      </div>
      ${answer.fault && html`<${Fault} fault=${answer.fault} />`}
    </section>`;
}

export function Questions({ store }) {
  if (store.task.done) return null;
  const open = [...store.inputs.values()].filter((asked) => !asked.resolution);
  return open.length > 0 && html`<${Question} key=${open[0].id} asked=${open[0]} more=${open.length - 1} />`;
}
