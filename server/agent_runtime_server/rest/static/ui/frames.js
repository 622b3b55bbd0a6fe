// Many changes, one drawing: whatever happens between two frames is told once.

/** Gives `draw` everything that was put in since the last animation frame. */
export function perFrame(draw) {
  let waiting = [];
  let frame = 0;
  const flush = () => {
    frame = 0;
    const items = waiting;
    waiting = [];
    draw(items);
  };
  return {
    put(item) {
      waiting.push(item);
      frame ||= requestAnimationFrame(flush);
    },
    stop() {
      cancelAnimationFrame(frame);
      waiting = [];
    },
  };
}
