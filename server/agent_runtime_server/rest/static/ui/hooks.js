// What components have in common.

import { useEffect, useRef, useState } from "../vendor/preact-htm/standalone.js";
import { place } from "./router.js";

export function usePlace() {
  const [here, move] = useState(place);
  useEffect(() => {
    const moved = () => move(place());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return here;
}

/** Loads something and loads it again when `keys` change: `{value}`, `{fault}` or neither while it loads. */
export function useLoaded(load, keys) {
  const [found, set] = useState({});
  useEffect(() => {
    const control = new AbortController();
    load(control.signal).then(
      (value) => set({ value }),
      (fault) => control.signal.aborted || set({ fault }),
    );
    return () => control.abort();
  }, keys);
  return found;
}

/** Draws again every second while it is wanted; times that pass are read from the clock. */
export function useTick(wanted) {
  const [, tick] = useState(0);
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, [wanted]);
}

/** Draws again when a store says so; a store has `subscribe`, and a `version` that grows. */
export function useStore(store) {
  const [, set] = useState(store.version);
  useEffect(() => store.subscribe(() => set(store.version)), [store]);
  return store;
}

/** A call that a button makes: `run`, whether it is `busy`, and its last `fault`. */
export function useCall(call) {
  const [state, set] = useState({ busy: false });
  const alive = useRef(true);
  useEffect(() => () => { alive.current = false; }, []);
  const run = async (...given) => {
    set({ busy: true });
    try {
      const value = await call(...given);
      if (alive.current) set({ busy: false });
      return value;
    } catch (fault) {
      if (alive.current) set({ busy: false, fault });
      return undefined;
    }
  };
  return { ...state, run };
}
