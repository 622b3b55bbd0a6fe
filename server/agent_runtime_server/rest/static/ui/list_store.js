// The tasks of the server, newest first: pages of the list, kept up to date by one stream.
//
// The stream covers what can change (tasks that are not done) and what is new (tasks since the first page was read);
// everything else is final, and stays as it was read.

import { get, query, url } from "./api.js";
import { fold } from "./fold.js";
import { perFrame } from "./frames.js";
import { Store } from "./store.js";
import { follow, OVER } from "./stream.js";

const PAGE = 50;
const MOST_TASKS = 2000;
const KINDS = ["status", "phase", "progress", "attempt", "queue", "input_requested", "input_resolved"];

export class ListStore extends Store {
  tasks = new Map();
  total = 0;
  more = "";
  state = "connecting";
  fault;
  #stop = () => {};
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
      const again = setTimeout(() => this.start(), 3000);
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
      state: (state) => later(() => { this.state = state === "ended" ? "reconnecting" : state; }),
      refused: () => OVER,
    });
  }

  stop() {
    this.#stop();
    this.#frames.stop();
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

  add(task) {
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
