// A list of any length whose rows are drawn only where they can be seen. Rows are all of one height.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { Icon } from "./glyph.js";

const BEYOND = 8;

/**
 * @param items has `length` and `slice`; `forgotten` counts those that went at the start
 * @param draw gives the content of a row
 * @param follow keeps the newest row in sight until one scrolls away from it
 */
export function VirtualList({ items, row, draw, label, follow = false, class: name = "", role }) {
  const box = useRef();
  const [view, look] = useState({ top: 0, height: 600 });
  const [atEnd, setAtEnd] = useState(follow);
  const forgotten = useRef(items.forgotten ?? 0);

  const read = () => {
    const { scrollTop: top, clientHeight: height, scrollHeight } = box.current;
    look((before) => (before.top === top && before.height === height ? before : { top, height }));
    if (follow) setAtEnd(top + height >= scrollHeight - row);
  };
  useEffect(() => {
    const watch = new ResizeObserver(read);
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  useLayoutEffect(() => {
    const gone = (items.forgotten ?? 0) - forgotten.current;
    forgotten.current = items.forgotten ?? 0;
    if (follow && atEnd) box.current.scrollTop = box.current.scrollHeight;
    else if (gone > 0) box.current.scrollTop = Math.max(0, box.current.scrollTop - gone * row);
  });

  const top = follow && atEnd ? Math.max(0, items.length * row - view.height) : view.top;
  const first = Math.max(0, Math.floor(top / row) - BEYOND);
  const last = Math.min(items.length, Math.ceil((top + view.height) / row) + BEYOND);
  const toEnd = () => {
    setAtEnd(true);
    box.current.scrollTop = box.current.scrollHeight;
  };
  return html`
    <div class="virtual ${name}">
      <div class="virtual-box" ref=${box} onScroll=${read} tabindex="0" role=${role ?? "region"} aria-label=${label}>
        <div class="virtual-all" style=${{ height: `${items.length * row}px` }}>
          ${items.slice(first, last).map(
            (item, index) => html`<div class="virtual-row" key=${(items.forgotten ?? 0) + first + index}
              style=${{ height: `${row}px`, transform: `translateY(${(first + index) * row}px)` }}>
                ${draw(item, first + index)}</div>`,
          )}
        </div>
      </div>
      ${follow && !atEnd && html`<button class="to-end" onClick=${toEnd}><${Icon} name="down" />Newest</button>`}
    </div>`;
}
