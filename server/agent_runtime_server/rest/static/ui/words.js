// What the contract's words are called here, and which tone each has. Words that are not known are shown as they are.

const spoken = (word) => (word ? word.replaceAll("_", " ").replace(/^./, (letter) => letter.toUpperCase()) : "–");

export const TYPES = {
  complete: "Plan, write and run",
  plan: "Plan",
  generate: "Write tests",
  run: "Run tests",
  fix: "Repair tests",
  custom: "Custom",
};

const STATUS = {
  pending: ["Queued", "idle"],
  running: ["Running", "busy"],
  completed: ["Completed", "idle"],
  failed: ["Failed", "bad"],
  cancelled: ["Cancelled", "idle"],
  cancelling: ["Cancelling", "busy"],
  awaiting_input: ["Needs an answer", "ask"],
};

const VERDICT = {
  passed: ["Tests passed", "good"],
  failed: ["Tests failed", "bad"],
  flaky: ["Tests flaky", "warn"],
  no_tests: ["No tests ran", "idle"],
};

/** What to say of a task in one word, and its tone: the verdict of the tests when there is one. */
export function standing(task) {
  const verdict = task.result?.verdict;
  if (task.status === "completed" && VERDICT[verdict]) {
    const [label, tone] = VERDICT[verdict];
    return verdict === "no_tests" ? { label: "Completed", tone: "good" } : { label, tone };
  }
  const [label, tone] = STATUS[task.status] ?? [spoken(task.status), "idle"];
  return { label, tone };
}

export const PHASES = {
  preparing: "Prepare",
  planning: "Plan",
  generating_tests: "Write tests",
  running_tests: "Run tests",
  fixing_tests: "Repair",
  custom: "Carry out",
  collecting: "Collect",
};

const WORK = {
  complete: ["planning", "generating_tests", "running_tests"],
  plan: ["planning"],
  generate: ["generating_tests"],
  run: ["running_tests"],
  fix: ["fixing_tests"],
  custom: ["custom"],
};

/** The phases that a task goes through, those included that it was seen in. */
export function phasesOf(task, seen) {
  const expected = ["preparing", ...(WORK[task.task_type] ?? []), "collecting"];
  return Object.keys(PHASES).filter((phase) => expected.includes(phase) || seen.has(phase));
}

export const OUTCOMES = {
  expected: ["Passed", "good"],
  unexpected: ["Failed", "bad"],
  flaky: ["Flaky", "warn"],
  skipped: ["Skipped", "idle"],
};

export const ATTEMPTS = {
  passed: ["Passed", "good"],
  failed: ["Failed", "bad"],
  timed_out: ["Timed out", "bad"],
  skipped: ["Skipped", "idle"],
  interrupted: ["Interrupted", "warn"],
};

export const SEVERITY = { high: ["High", "bad"], medium: ["Medium", "warn"], low: ["Low", "idle"] };

export const REPAIRS = {
  repaired: ["Repaired", "good"],
  app_defect: ["Defect of the app", "bad"],
  behavior_changed: ["Behaviour changed", "warn"],
  refused: ["Not repaired", "idle"],
};

export const CALLS = {
  started: ["Running", "busy"],
  succeeded: ["Done", "good"],
  failed: ["Failed", "bad"],
  denied: ["Not allowed", "warn"],
};

export const DECISIONS = {
  allow_once: "Allow once",
  allow_for_task: "Allow for this task",
  reject: "Reject",
  abort: "Reject and stop the task",
  answer: "Answer",
};

export const QUESTIONS = {
  permission: "The agent asks for permission",
  question: "The agent has a question",
  budget: "The budget is spent",
  repair_review: "A repair changes what a test asserts",
};

export const label = (words, word) => words[word]?.[0] ?? spoken(word);
export const tone = (words, word) => words[word]?.[1] ?? "idle";
export { spoken };
