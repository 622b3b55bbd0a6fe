// One task as it happens: its events, folded into what the page shows. Every collection has a bound.

import { all, get, url } from "./api.js";
import { fold } from "./fold.js";
import { perFrame } from "./frames.js";
import { Ring } from "./ring.js";
import { Store } from "./store.js";
import { END, follow } from "./stream.js";

export const MOST_LINES = 20_000;
const MOST_ITEMS = 3000;
const MOST_CALL_TEXT = 200_000;

export class TaskStore extends Store {
  task;
  fault;
  state = "connecting";
  /** Newest event that was seen, and the newest that there was when the stream opened. */
  seen = 0;
  head = 0;
  log = new Ring(MOST_LINES);
  /** Messages and tool calls of the agent, in the order in which they began. */
  agent = new Map();
  tests = new Map();
  artifacts = new Map();
  inputs = new Map();
  /** Grows with each change of the session's files. */
  files = 0;
  /** Seconds spent in phases of the newest attempt, and since when it is in the one that it is in. */
  phases = new Map();

  constructor(id) {
    super();
    this.id = id;
    this.frames = perFrame((changes) => {
      for (const change of changes) change();
      this.changed();
    });
    this.loads = new AbortController();
  }

  /** Follow it until the returned function is called. */
  start() {
    const later = (change) => this.frames.put(change);
    const check = () => get(url.task(this.id), this.loads.signal).catch((fault) => {
      if (fault.status === 404) later(() => { this.fault = fault; });
    });
    const stop = follow((last) => `${url.watch(this.id)}?after_sequence=${last || 0}`, {
      item: (event) => later(() => this.happened(event)),
      named: {
        opened: (opened) => later(() => this.opened(opened)),
        gap: (gap) => later(() => this.gap(gap)),
        closed: (closed) => {
          later(() => this.closed(closed));
          return ["task_done", "task_deleted"].includes(closed.reason) ? END : undefined;
        },
      },
      state: (state) => later(() => { this.state = state; }),
      refused: () => void check(),
    });
    void check();
    return () => {
      stop();
      this.frames.stop();
      this.loads.abort();
    };
  }

  get catchingUp() {
    return this.task !== undefined && this.seen < this.head;
  }

  opened({ task, head_sequence: head }) {
    this.task = task;
    this.head = head;
    this.fault = undefined;
  }

  closed({ task, reason }) {
    if (task) this.task = task;
    if (reason === "task_deleted") this.fault = { status: 404, message: "This task was deleted." };
    this.seen = Math.max(this.seen, this.head);
  }

  gap({ task, first_missing: first, last_missing: last }) {
    if (task && task.sequence >= this.task.sequence) this.task = task;
    this.seen = last;
    this.log.push({ level: "gap", source: "page", message: `Events ${first} to ${last} are no longer kept` });
    void this.reload();
  }

  /** What was in events that are gone is still in lists. */
  async reload() {
    const list = (path, key) => all(path, key, this.loads.signal).catch(() => []);
    const [tests, artifacts, inputs] = await Promise.all([
      list(url.tests(this.id), "tests"),
      list(url.artifacts(this.id), "artifacts"),
      list(`${url.inputs(this.id)}?include_resolved=true`, "inputs"),
    ]);
    this.frames.put(() => {
      for (const test of tests) this.tests.set(testKey(test), test);
      for (const artifact of artifacts) this.artifacts.set(artifact.id, artifact);
      for (const input of inputs) this.inputs.set(input.id, input);
    });
  }

  happened(event) {
    if (event.sequence <= this.seen) return;
    this.seen = event.sequence;
    if (this.task) fold(this.task, event);
    if (event.log) this.logged(event.log, event.sequence);
    else if (event.agent_message) this.said(event.agent_message, event);
    else if (event.tool_call) this.called(event.tool_call, event);
    else if (event.test) this.tests.set(testKey(event.test), event.test);
    else if (event.artifact) this.artifacts.set(event.artifact.id, event.artifact);
    else if (event.file) this.files++;
    else if (event.input_requested) this.inputs.set(event.input_requested.id, event.input_requested);
    else if (event.input_resolved) this.resolved(event.input_resolved);
    else if (event.phase_change) this.moved(event.phase_change.new_phase, event);
    else if (event.status) this.turned(event.status, event);
    else if (event.attempt_change && !event.attempt_change.end_time) this.phases = new Map();
    forgetOldest(this.tests, MOST_ITEMS * 3);
    forgetOldest(this.artifacts, MOST_ITEMS * 5);
    forgetOldest(this.inputs, MOST_ITEMS);
  }

  logged({ entries, dropped }, sequence) {
    if (dropped) {
      this.log.push({ level: "gap", source: "page", message: `${dropped} lines came too fast and were left out` });
    }
    for (const { log_time: time, level, source, message } of entries) {
      this.log.push({ time, level, source, message, sequence });
    }
  }

  said(message, event) {
    const key = `message ${message.message_id}`;
    const before = this.agent.get(key);
    const text = ((before?.text ?? "") + message.text).slice(-MOST_CALL_TEXT);
    this.agent.set(key, { ...message, key, kind: "message", text, time: before?.time ?? event.event_time });
    forgetOldest(this.agent, MOST_ITEMS);
  }

  called(call, event) {
    const key = `call ${call.call_id}`;
    const before = this.agent.get(key);
    this.agent.set(key, { ...before, ...call, key, kind: "call", time: before?.time ?? event.event_time });
    forgetOldest(this.agent, MOST_ITEMS);
  }

  resolved(resolution) {
    const asked = this.inputs.get(resolution.input_id);
    if (asked) this.inputs.set(asked.id, { ...asked, resolution });
  }

  moved(phase, event) {
    const now = Date.parse(event.event_time);
    if (this.phases.get(phase)?.since) return;
    this.leavePhases(now);
    this.phases.set(phase, { seconds: this.phases.get(phase)?.seconds ?? 0, since: now });
  }

  turned({ new_status: status }, event) {
    const rests = ["completed", "failed", "cancelled", "pending"].includes(status);
    if (rests) this.leavePhases(Date.parse(event.event_time));
  }

  leavePhases(now) {
    for (const timing of this.phases.values()) {
      if (timing.since) timing.seconds += (now - timing.since) / 1000;
      timing.since = 0;
    }
  }
}

/** What tells a result from all others: runs of a suite are numbered. */
export const testKey = (test) => `${test.round}~${test.id}`;

function forgetOldest(map, most) {
  if (map.size > most) map.delete(map.keys().next().value);
}
