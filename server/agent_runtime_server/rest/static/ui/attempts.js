// The attempts at a test: what went wrong, what it looked like, and the way there.

import { html, useState } from "../vendor/preact-htm/standalone.js";
import { url } from "./api.js";
import { bytes, plain, seconds, span } from "./format.js";
import { Glyph } from "./glyph.js";
import { Code, Out } from "./parts.js";
import { ATTEMPTS, label, tone } from "./words.js";

const ErrorBox = ({ error }) => html`
  <div class="trouble">
    <${Code} label="Error">${plain(error.message)}<//>
    ${error.snippet && html`<${Code} label="Source of ${error.location?.path}">${plain(error.snippet)}<//>`}
    ${error.stack && html`<details><summary>Stack</summary><${Code} label="Stack">${plain(error.stack)}<//></details>`}
  </div>`;

function Media({ task, artifacts }) {
  const of = (kind) => artifacts.filter((artifact) => artifact.kind === kind);
  const source = (artifact) => url.artifact(task, artifact.id);
  const [shots, videos, traces] = [of("screenshot"), of("video"), of("trace")];
  const others = artifacts.filter((artifact) => !["screenshot", "video", "trace"].includes(artifact.kind));
  return html`
    ${traces.map((trace) => html`<div class="media-line" key=${trace.id}><${Out} href=${url.trace(task, trace.id)}
        class="button primary">Open the trace<//>
      <span class="muted">Every action, with the page before and after it · ${bytes(trace.size_bytes)}</span></div>`)}
    ${(shots.length > 0 || videos.length > 0) && html`<div class="media">
      ${videos.map((video) => html`<figure key=${video.id}><video controls preload="metadata" src=${source(video)}
          aria-label="Video of the attempt"></video>
        <figcaption>Video · ${bytes(video.size_bytes)}</figcaption></figure>`)}
      ${shots.map((shot) => html`<figure key=${shot.id}><a href=${source(shot)} target="_blank" rel="noopener"><img
          src=${source(shot)} alt="The page when the attempt ended" loading="lazy" /></a>
        <figcaption>Screenshot · ${bytes(shot.size_bytes)}</figcaption></figure>`)}
    </div>`}
    ${others.map((other) => html`<p key=${other.id}><a href=${source(other)}>${other.path}</a> <span class="muted">
      ${bytes(other.size_bytes)}</span></p>`)}`;
}

const HOOKS = new Set(["hook", "fixture"]);

function Steps({ steps }) {
  const [all, show] = useState(false);
  const shown = all ? steps : steps.filter((step) => !HOOKS.has(step.category) && step.depth < 2);
  return html`
    <section class="steps" aria-labelledby="steps-title">
      <h3 id="steps-title">Steps <button class="quiet" onClick=${() => show(!all)} aria-pressed=${all}>
        ${all ? "Fewer" : `All ${steps.length}`}</button></h3>
      <ol>${shown.map((step) => html`
        <li class=${step.error ? "step bad" : "step"}
            style=${{ paddingLeft: `${Math.min(step.depth ?? 0, 8) * 18}px` }}>
          <${Glyph} tone=${step.error ? "bad" : "good"} /><span class="step-title">${step.title}</span><span
              class="step-time">${span(seconds(step.duration))}</span>
        </li>`)}</ol>
    </section>`;
}

export function Attempts({ store, test }) {
  const attempts = test.attempts ?? [];
  const [chosen, choose] = useState(() => Math.max(0, attempts.findIndex(({ status }) => status !== "passed")));
  const attempt = attempts[chosen] ?? attempts[0];
  if (!attempt) return html`<p class="muted">It was not run.</p>`;
  const artifacts = (attempt.artifact_ids ?? []).map((id) => store.artifacts.get(id)).filter(Boolean);
  return html`
    <div class="attempts" role="group" aria-label="Attempts">
      ${attempts.map((each, index) => html`
        <button class="attempt" key=${index} aria-pressed=${each === attempt} onClick=${() => choose(index)}>
          <${Glyph} tone=${tone(ATTEMPTS, each.status)} />
            ${attempts.length > 1 ? `Attempt ${index + 1}: ` : ""}${label(ATTEMPTS, each.status)}${" "}
          <span class="muted">${span(seconds(each.duration))}</span></button>`)}
    </div>
    ${(attempt.errors ?? []).map((error) => html`<${ErrorBox} error=${error} />`)}
    <${Media} task=${store.id} artifacts=${artifacts} />
    ${attempt.steps?.length > 0 && html`<${Steps} key=${chosen} steps=${attempt.steps} />`}`;
}
