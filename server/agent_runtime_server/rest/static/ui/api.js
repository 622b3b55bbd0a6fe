// Calls of /v1, and the addresses of everything that is shown or linked.

/** A refusal: what went wrong, and which fields of the request are to blame. */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.message || (status ? `The server answered ${status}.` : "The server cannot be reached."));
    this.status = status;
    this.code = body?.code ?? "";
    const bad = body?.details?.find((detail) => detail["@type"]?.endsWith("google.rpc.BadRequest"));
    this.violations = (bad?.field_violations ?? []).map(({ field, description }) => ({ field, text: description }));
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0);
  }
  if (!response.ok) throw new Problem(response.status, await response.json().catch(() => undefined));
  return response;
}

const JSON_ONLY = { accept: "application/json" };

export const get = async (path, signal) => (await call(path, { signal, headers: JSON_ONLY })).json();

export async function post(path, body, key) {
  const headers = { "content-type": "application/json", ...JSON_ONLY };
  if (key) headers["idempotency-key"] = key;
  return (await call(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** A key that makes a call safe to repeat; `crypto.randomUUID` is for pages over TLS only. */
export const freshKey = () => crypto.getRandomValues(new Uint32Array(4)).join("-");

/** At most this much of a text is shown; the whole can be downloaded. */
export const TEXT_LIMIT = 400_000;

/** The start of a text file, and whether there is more of it. */
export async function text(path, signal) {
  const response = await call(path, { signal, headers: { range: `bytes=0-${TEXT_LIMIT - 1}` } });
  const whole = Number(response.headers.get("content-range")?.split("/")[1] ?? 0);
  const read = (await response.text()).slice(0, TEXT_LIMIT);
  return { text: read, cut: whole > TEXT_LIMIT || read.length === TEXT_LIMIT };
}

/** Every item of a paged list, up to `most`. */
export async function all(path, key, signal, most = 5000) {
  const found = [];
  let token = "";
  do {
    const page = await get(path + query({ page_size: 500, page_token: token }, path.includes("?") ? "&" : "?"), signal);
    found.push(...page[key]);
    token = page.next_page_token;
  } while (token && found.length < most);
  return found;
}

/** A query of what is not empty; lists are repeated. */
export function query(values, start = "?") {
  const pairs = Object.entries(values).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  const given = pairs.filter(([, value]) => value !== "" && value !== undefined);
  return given.length ? start + new URLSearchParams(given) : "";
}

const part = encodeURIComponent;
const segments = (path) => path.split("/").map(part).join("/");

export const url = {
  tasks: "/v1/tasks",
  task: (id) => `/v1/tasks/${part(id)}`,
  watch: (id) => `/v1/tasks/${part(id)}:watch`,
  watchAll: "/v1/tasks:watch",
  artifacts: (id) => `/v1/tasks/${part(id)}/artifacts`,
  artifact: (id, artifact) => `/v1/tasks/${part(id)}/artifacts/${part(artifact)}:download`,
  tests: (id) => `/v1/tasks/${part(id)}/testResults`,
  logs: (id) => `/v1/tasks/${part(id)}/logs`,
  answer: (id, input) => `/v1/tasks/${part(id)}/inputs/${part(input)}:respond`,
  inputs: (id) => `/v1/tasks/${part(id)}/inputs`,
  files: (session) => `/v1/sessions/${part(session)}/files?recursive=true`,
  file: (session, path) => `/v1/sessions/${part(session)}/files/${segments(path)}`,
  archive: (session) => `/v1/sessions/${part(session)}:archive`,
  report: (session, path) => `/report/${part(session)}/${segments(path)}/index.html`,
  trace: (id, artifact) => `/trace/?trace=${part(url.artifact(id, artifact))}`,
};
