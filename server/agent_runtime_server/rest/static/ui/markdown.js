// Markdown as elements. The parser is marked's; what it finds becomes text and elements, never HTML, so that a plan
// cannot bring a script, and no picture or frame is loaded from elsewhere.

import { html } from "../vendor/preact-htm/standalone.js";
import { lexer } from "../vendor/marked/marked.js";

const SAFE_LINK = /^(https?:|mailto:)/i;
const MOST_DEPTH = 24;
const NAMED = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

const text = (token) => (token.text ?? token.raw ?? "").replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => NAMED[name]);
const inner = (token, depth) => (token.tokens ? many(token.tokens, depth + 1) : text(token));
const many = (tokens, depth) => (depth > MOST_DEPTH ? tokens.map(text) : tokens.map((token) => one(token, depth)));

const HEADINGS = ["h2", "h3", "h4", "h5", "h6", "h6"];

function one(token, depth) {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      return html`<${HEADINGS[token.depth - 1]}>${inner(token, depth)}<//>`;
    case "paragraph":
      return html`<p>${inner(token, depth)}</p>`;
    case "list":
      return list(token, depth);
    case "code":
      return html`<pre class="code" tabindex="0"><code>${token.text}</code></pre>`;
    case "codespan":
      return html`<code>${token.text}</code>`;
    case "blockquote":
      return html`<blockquote>${inner(token, depth)}</blockquote>`;
    case "table":
      return table(token, depth);
    case "hr":
      return html`<hr />`;
    case "strong":
      return html`<strong>${inner(token, depth)}</strong>`;
    case "em":
      return html`<em>${inner(token, depth)}</em>`;
    case "del":
      return html`<del>${inner(token, depth)}</del>`;
    case "br":
      return html`<br />`;
    case "link":
      return SAFE_LINK.test(token.href)
        ? html`<a href=${token.href} target="_blank" rel="noopener noreferrer">${inner(token, depth)}</a>`
        : html`<span>${inner(token, depth)}</span>`;
    case "image":
      return html`<span>${token.text || token.href}</span>`;
    case "html":
      return token.raw;
    default:
      return inner(token, depth);
  }
}

function list(token, depth) {
  const items = token.items.map(
    (item) => html`<li class=${item.task ? "todo" : ""}>
      ${item.task && html`<input type="checkbox" checked=${item.checked} disabled
          aria-label=${item.checked ? "done" : "open"} />`}
      ${many(item.tokens.filter(({ type }) => type !== "checkbox"), depth + 1)}
    </li>`,
  );
  return token.ordered ? html`<ol start=${token.start || 1}>${items}</ol>` : html`<ul>${items}</ul>`;
}

function table(token, depth) {
  const cells = (row, tag) => row.map((cell) => html`<${tag} align=${cell.align}>${inner(cell, depth)}<//>`);
  return html`<div class="table-box" tabindex="0"><table>
    <thead><tr>${cells(token.header, "th")}</tr></thead>
    <tbody>${token.rows.map((row) => html`<tr>${cells(row, "td")}</tr>`)}</tbody>
  </table></div>`;
}

export const Markdown = ({ source }) => html`<div class="markdown">${many(lexer(source), 0)}</div>`;
