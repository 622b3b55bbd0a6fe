// From the form's fields to the task that is asked for, and back: which field a fault of the request belongs to.
// What a form does not show is not asked for, whatever was typed before it was hidden.

export const START = {
  ...{ app_url: "", task_type: "complete", session_id: "", instructions: "", labels: "" },
  ...{ signs_in: false, username: "", password: "" },
  ...{ driver: "", model: "", max_tokens: "", max_cost: "", destructive: false },
  ...{ retries: "", workers: "", grep: "", rounds: "", review: false },
};

/** Where each field is in a task. */
export const PATHS = {
  app_url: "configuration.app_url",
  task_type: "task_type",
  session_id: "session_id",
  instructions: "configuration.instructions",
  username: "configuration.sign_in.username",
  password: "configuration.sign_in",
  driver: "configuration.agent.driver",
  model: "configuration.agent.model",
  retries: "configuration.run.retries",
  workers: "configuration.run.workers",
  grep: "configuration.run.grep",
  rounds: "configuration.repair.max_rounds",
  review: "configuration.repair.review_assertion_changes",
  max_tokens: "budget.max_tokens",
  max_cost: "budget.max_cost",
  destructive: "configuration.agent.explore.allow_destructive",
  labels: "labels",
};

const IN_SESSION = ["generate", "run", "fix", "custom"];
const WRITES = ["complete", "plan", "generate", "fix", "custom"];
const RUNS = ["complete", "run", "fix"];
const REPAIRS = ["complete", "fix"];
const EXPLORES = ["complete", "plan"];

/** The types of task that have a field; those that are not here are in all. */
const TYPES_WITH = {
  session_id: IN_SESSION,
  ...{ driver: WRITES, model: WRITES },
  ...{ retries: RUNS, workers: RUNS, grep: RUNS },
  ...{ rounds: REPAIRS, review: REPAIRS },
  destructive: EXPLORES,
};

/** Whether a form, as it is filled in, has a field. */
export function shows(form, name) {
  if (OF_SIGN_IN.has(name)) return form.signs_in;
  return TYPES_WITH[name]?.includes(form.task_type) ?? true;
}

const NUMBERS = new Set(["retries", "workers", "rounds", "max_tokens"]);
const OF_SIGN_IN = new Set(["username", "password"]);

export function requestOf(form) {
  const task = {};
  for (const [name, path] of Object.entries(PATHS)) {
    if (OF_SIGN_IN.has(name) || !shows(form, name)) continue;
    const value = valueOf(name, form[name]);
    if (value !== undefined) put(task, path.split("."), value);
  }
  task.configuration ??= {};
  if (form.signs_in) {
    task.configuration.sign_in = { method: "username_password", username: form.username, password: form.password };
  }
  return task;
}

function valueOf(name, value) {
  if (value === "" || value === false) return undefined;
  if (NUMBERS.has(name)) return Number(value);
  if (name === "max_cost") return { units: Math.trunc(value), nanos: Math.round((value % 1) * 1e9) };
  if (name !== "labels") return value;
  const pairs = value.split(",").map((pair) => pair.split("="));
  return Object.fromEntries(pairs.map(([key, ...text]) => [key.trim(), text.join("=").trim()]));
}

function put(target, [name, ...rest], value) {
  if (!rest.length) target[name] = value;
  else put((target[name] ??= {}), rest, value);
}
