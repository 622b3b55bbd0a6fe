// Follows one SSE stream for as long as it is wanted, over reconnects.
//
// The browser itself resumes with Last-Event-ID when a connection breaks. When it gives up (an HTTP fault), and when
// the tab was hidden (browsers allow only six connections, and every tab would hold some), a new stream goes on after
// the last id.

/** Nothing can come after this. */
export const END = Symbol("end");
/** Start over. */
export const OVER = Symbol("over");

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;

/**
 * @param address gives the URL to start after an id; the id is empty at first
 * @param on.item gets an event's parsed data, `on.named[name]` that of named ones; END from one of these ends it all
 * @param on.state gets "connecting", "live", "reconnecting" or "ended"
 * @param on.anew is told when a stream opened without an id: what happened before is not in it
 * @param on.refused is asked after an HTTP fault: END gives up, OVER starts without an id
 * @returns a function that ends it
 */
export function follow(address, on) {
  let source;
  let timer;
  let last = "";
  let pause = FIRST_PAUSE;
  let opened = false;
  let over = false;

  const seen = (event) => {
    if (event.lastEventId) last = event.lastEventId;
    return JSON.parse(event.data);
  };
  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = undefined;
  };
  const end = () => {
    over = true;
    close();
    document.removeEventListener("visibilitychange", look);
  };
  function open() {
    close();
    on.state(opened ? "reconnecting" : "connecting");
    source = new EventSource(address(last));
    source.onopen = () => {
      opened = true;
      pause = FIRST_PAUSE;
      if (!last) on.anew?.();
      on.state("live");
    };
    source.onmessage = (event) => on.item(seen(event));
    for (const [name, tell] of Object.entries(on.named ?? {})) {
      source.addEventListener(name, (event) => {
        const data = seen(event);
        if (tell(data) === END) {
          end();
          on.state("ended");
        }
      });
    }
    source.onerror = () => {
      on.state("reconnecting");
      if (source.readyState !== EventSource.CLOSED) return;
      const advice = on.refused?.();
      if (advice === END) return end();
      if (advice === OVER) last = "";
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LONGEST_PAUSE);
    };
  }
  function look() {
    if (document.hidden) close();
    else if (!over) open();
  }
  document.addEventListener("visibilitychange", look);
  look();
  return end;
}

