// Signs for tones: each has a shape of its own, so that colour is never all that tells them apart.

import { html } from "../vendor/preact-htm/standalone.js";

const SHAPES = {
  good: html`<path d="M3.5 8.5 6.7 11.5 12.5 4.8" />`,
  bad: html`<path d="M4.2 4.2 11.8 11.8M11.8 4.2 4.2 11.8" />`,
  warn: html`<path d="M8 3v6.2" /><path d="M8 12.6v.2" />`,
  ask: html`<path d="M5.4 5.9a2.6 2.6 0 1 1 3.9 2.3c-.9.5-1.3 1-1.3 1.9" /><path d="M8 12.8v.2" />`,
  idle: html`<circle cx="8" cy="8" r="3.6" />`,
  busy: html`<circle class="track" cx="8" cy="8" r="5" /><path d="M8 3a5 5 0 0 1 5 5" />`,
};

/** A sign; beside a word that says the same, so that it is hidden from readers of screens. */
export const Glyph = ({ tone }) =>
  html`<svg class="glyph ${tone}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
    ${SHAPES[tone] ?? SHAPES.idle}</svg>`;

export const Badge = ({ tone, children }) => html`<span class="badge ${tone}"><${Glyph} tone=${tone} />${children}
</span>`;

const LINES = {
  plus: "M8 3v10M3 8h10",
  back: "M10 3 5 8l5 5",
  out: "M6 4H4v8h8v-2M9 3.5h3.5V7M12 4 7.5 8.5",
  down: "M8 3v8M4.5 7.8 8 11.2l3.5-3.4",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  close: "M4 4l8 8M12 4l-8 8",
  copy: "M6 6V3.5h6.5V10H10M3.5 6H10v6.5H3.5z",
  stop: "M4.5 4.5h7v7h-7z",
  again: "M12.5 8a4.5 4.5 0 1 1-1.4-3.3M12.5 3v2.6H9.9",
  keys: "M2.5 5h11v6.5h-11zM5 9.5h6M5 7.2h.1M8 7.2h.1M11 7.2h.1",
};

export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d=${LINES[name]} /></svg>`;
