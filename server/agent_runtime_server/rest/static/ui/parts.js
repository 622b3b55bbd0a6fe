// Small things that many panes show.

import { Component, html, useState } from "../vendor/preact-htm/standalone.js";
import { Icon } from "./glyph.js";

/** Draws a component again only when what it is given has changed. */
export function memo(Part) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const names = new Set([...Object.keys(next), ...Object.keys(this.props)]);
      return [...names].some((name) => next[name] !== this.props[name]);
    }

    render(given) {
      return html`<${Part} ...${given} />`;
    }
  };
}

export const Empty = ({ title, children }) => html`<div class="empty"><p class="empty-title">${title}</p>${children &&
  html`<p>${children}</p>`}</div>`;

export const Fault = ({ fault, children }) => html`
  <div class="fault" role="alert">
    <p><strong>${fault.message}</strong></p>
    ${fault.violations?.map(({ field, text }) => html`<p><code>${field}</code> ${text}</p>`)}
    ${children}
  </div>`;

export const Out = ({ href, children, class: name = "button" }) =>
  html`<a class=${name} href=${href} target="_blank" rel="noopener">${children}<${Icon} name="out" /><span
      class="unseen"> (new tab)</span></a>`;

export function Copy({ text, label }) {
  const [done, set] = useState(false);
  if (!navigator.clipboard) return null; // as in pages that come over a network without TLS
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    set(true);
    setTimeout(() => set(false), 1500);
  };
  return html`<button class="quiet copy" onClick=${copy} title="Copy ${label}" aria-label="Copy ${label}">
    <${Icon} name="copy" />${done && html`<span class="copied" role="status">Copied</span>`}
  </button>`;
}

/** Text from a file or from a program, as it is. */
export const Code = ({ children, label }) => html`<pre class="code" tabindex="0" aria-label=${label}>${children}</pre>`;
