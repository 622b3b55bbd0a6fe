// What an LLM agent said and did, as a conversation.

import { html, useEffect, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { clock, plain, seconds, span } from "./format.js";
import { Badge, Icon } from "./glyph.js";
import { Markdown } from "./markdown.js";
import { Code, Empty, memo } from "./parts.js";
import { CALLS, label, spoken, tone } from "./words.js";

const PAGE = 150;

const Message = memo(({ item }) => html`
  <div class="said ${item.reasoning ? "reasoning" : ""}">
    <div class="said-head"><b>${spoken(item.agent)}</b>${item.reasoning ? " thinks" : ""}<time>${clock(item.time)}
    </time></div>
    <${Markdown} source=${item.text} />
  </div>`);

const Call = memo(({ item }) => html`
  <details class="call">
    <summary><code class="call-tool">${item.tool}</code><span class="call-title">${item.title || mainArgument(item)}
    </span>
      <span class="call-time">${item.duration ? span(seconds(item.duration)) : ""}</span>
      <${Badge} tone=${tone(CALLS, item.state)}>${label(CALLS, item.state)}<//></summary>
    ${Object.keys(item.arguments ?? {}).length > 0 && html`<${Code} label="Arguments">
      ${JSON.stringify(item.arguments, null, 2)}<//>`}
    ${item.output && html`<${Code} label="Output">${plain(item.output)}<//>`}
  </details>`);

const mainArgument = ({ arguments: given = {} }) =>
  String(given.command ?? given.filePath ?? given.path ?? given.url ?? "");

export function Agent({ store }) {
  const [shown, show] = useState(PAGE);
  const box = useRef();
  const near = useRef(true);
  const items = [...store.agent.values()];
  useEffect(() => {
    if (near.current && !store.task.done) box.current?.scrollTo(0, box.current.scrollHeight);
  });
  if (!items.length) {
    const why = store.task.done
      ? "No language model took part in this task."
      : "What a language model says and does shows here.";
    return html`<${Empty} title="No conversation">${why}<//>`;
  }
  const scrolled = ({ target }) => {
    near.current = target.scrollTop + target.clientHeight > target.scrollHeight - 60;
  };
  return html`
    <div class="agent" ref=${box} onScroll=${scrolled} tabindex="0" role="region" aria-label="Conversation">
      ${items.length > shown && html`<button class="quiet more" onClick=${() => show(shown + PAGE)}><${Icon}
          name="down" />Show ${Math.min(PAGE, items.length - shown)} older ones</button>`}
      ${items.slice(-shown).map((item) => html`<${item.kind === "call" ? Call : Message} key=${item.key}
          item=${item} />`)}
    </div>`;
}
