// The tasks of the server, newest first: pages of the list, kept up to date by one stream.
//
// The stream covers what can change (tasks that are not done) and what is new (tasks since the first page was read);
// everything else is final, and stays as it was read. A stream that does not go on where another one stopped leaves out
// what ended before it opened, so the list is read again before it is called live.

import { get, query, url } from "./api.js";
import { fold } from "./fold.js";
import { perFrame } from "./frames.js";
import { Store } from "./store.js";
import { follow, OVER } from "./stream.js";

const PAGE = 50;
const MOST_TASKS = 2000;
const AGAIN_MS = 3000;
const KINDS = ["status", "phase", "progress", "attempt", "queue", "input_requested", "input_resolved"];

export class ListStore extends Store {
  tasks = new Map();
  total = 0;
  more = "";
  state = "connecting";
  fault;
  #stop = () => {};
  /** Whether something can have ended, or been deleted, that the stream does not tell. */
  #behind = false;
  /** Counts the states of the connection. */
  #turn = 0;
  #frames = perFrame((changes) => {
    for (const change of changes) change();
    this.changed();
  });

  /** Newest first. */
  get rows() {
    return [...this.tasks.values()].sort((one, other) => Date.parse(other.create_time) - Date.parse(one.create_time));
  }

  async start() {
    await this.load();
    if (this.fault) {
      const again = setTimeout(() => this.start(), AGAIN_MS);
      this.#stop = () => clearTimeout(again);
      return;
    }
    const newest = this.rows[0]?.create_time;
    const filter = newest ? `create_time >= "${newest}" OR done = false` : "";
    const later = (change) => this.#frames.put(change);
    const address = (last) => url.watchAll + query({ filter, resume_token: last, kinds: KINDS });
    this.#stop = follow(address, {
      item: (event) => later(() => this.happened(event)),
      named: {
        task: (task) => later(() => this.add(task)),
      },
      state: (state) => void this.#turned(state === "ended" ? "reconnecting" : state),
      anew: () => { this.#behind = true; },
      refused: () => OVER,
    });
  }

  stop() {
    this.#stop();
    this.#turn++;
    this.#frames.stop();
  }

  async #turned(state) {
    const turn = ++this.#turn;
    while (state === "live" && this.#behind) {
      const caughtUp = await this.#readAgain().then(() => true, () => false);
      if (!caughtUp) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      if (turn !== this.#turn) return;
      this.#behind = !caughtUp;
    }
    this.#frames.put(() => { this.state = state; });
  }

  /** The first page, and what is not on it and was not done. What should be on it and is not was deleted. */
  async #readAgain() {
    const shown = this.rows;
    const page = await get(url.tasks + query({ page_size: PAGE, view: "full" }));
    const listed = new Set(page.tasks.map(({ id }) => id));
    const end = page.next_page_token ? Date.parse(page.tasks.at(-1).create_time) : -Infinity;
    const others = shown.filter(({ id }) => !listed.has(id));
    const gone = others.filter((task) => Date.parse(task.create_time) > end);
    this.#frames.put(() => {
      for (const { id } of gone) this.tasks.delete(id);
      for (const task of page.tasks) this.add(task);
      this.total = page.total_tasks;
    });
    for (const task of others) if (!task.done && !gone.includes(task)) await this.#readOne(task.id);
  }

  async #readOne(id) {
    const task = await get(url.task(id) + query({ view: "full" })).catch((fault) => {
      if (fault.status !== 404) throw fault;
    });
    this.#frames.put(() => task ? this.add(task) : this.tasks.delete(id));
  }

  /** The first page, or the next one. */
  async load() {
    try {
      const page = await get(url.tasks + query({ page_size: PAGE, page_token: this.more, view: "full" }));
      for (const task of page.tasks) if (!this.tasks.has(task.id)) this.tasks.set(task.id, task);
      this.more = this.tasks.size < MOST_TASKS ? page.next_page_token : "";
      this.total = page.total_tasks;
      this.fault = undefined;
    } catch (fault) {
      this.fault = fault;
    }
    this.changed();
  }

  /** Show a task as it was told, unless more is known of it. */
  add(task) {
    if (this.tasks.get(task.id)?.sequence > task.sequence) return;
    if (!this.tasks.has(task.id)) this.total = Math.max(this.total, this.tasks.size + 1);
    this.tasks.set(task.id, task);
    if (this.tasks.size > MOST_TASKS) this.tasks.delete(this.rows.at(-1).id);
  }

  happened(event) {
    const task = this.tasks.get(event.task_id);
    if (!task) return;
    fold(task, event);
  }
}
