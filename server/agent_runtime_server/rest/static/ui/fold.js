// How an event changes the task that it belongs to: the same rules as the server's.

const COUNTS = ["input_tokens", "output_tokens", "cache_read_tokens", "requests"];

/** Changes `task` by an event; events that it reflects already are left out. */
export function fold(task, event) {
  if (event.sequence <= task.sequence) return;
  task.sequence = event.sequence;
  task.update_time = event.event_time;
  if (event.status) status(task, event.status, event.event_time);
  else if (event.phase_change) phase(task, event.phase_change);
  else if (event.progress) task.progress = event.progress;
  else if (event.queue) task.queue = event.queue;
  else if (event.attempt_change) attempt(task, event.attempt_change);
  else if (event.finding) findings(task, event.finding);
  else if (event.usage) task.usage = plus(task.usage, event.usage);
  else if (event.input_requested) task.pending_input_ids = [...task.pending_input_ids, event.input_requested.id];
  else if (event.input_resolved) {
    task.pending_input_ids = task.pending_input_ids.filter((id) => id !== event.input_resolved.input_id);
  }
}

const FINAL = new Set(["completed", "failed", "cancelled"]);

function status(task, change, time) {
  task.status = change.new_status;
  if (change.error) task.error = change.error;
  if (change.result) task.result = change.result;
  if (task.status !== "pending") {
    task.queue = undefined;
    task.start_time ??= time;
  }
  if (FINAL.has(task.status)) {
    task.done = true;
    task.end_time = time;
  }
}

function phase(task, change) {
  if (change.new_phase !== task.current_phase) task.progress = undefined;
  task.current_phase = change.new_phase;
  task.current_activity = change.activity;
}

function attempt(task, change) {
  task.attempts = [...(task.attempts ?? []).filter(({ number }) => number !== change.number), change];
}

function findings(task, finding) {
  task.result = { ...task.result, findings: [...(task.result?.findings ?? []), finding] };
}

function plus(sum, used) {
  const models = new Map((sum?.models ?? []).map((model) => [model.model, model]));
  for (const model of used.models ?? []) {
    const before = models.get(model.model) ?? {};
    const total = { ...model, cost: cost(before.cost, model.cost) };
    for (const name of COUNTS) total[name] = (before[name] ?? 0) + (model[name] ?? 0);
    models.set(model.model, total);
  }
  return { ...used, cost: cost(sum?.cost, used.cost), models: [...models.values()] };
}

function cost(one, other) {
  if (!one || !other) return one ?? other;
  const nanos = Number(one.nanos ?? 0) + Number(other.nanos ?? 0);
  const units = Number(one.units ?? 0) + Number(other.units ?? 0) + Math.floor(nanos / 1e9);
  return { ...one, units, nanos: nanos % 1e9 };
}
