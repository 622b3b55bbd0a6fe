// Where one is, kept in the address: #/ is the list, #/new the form, #/tasks/ID/PANE a task.

const decode = (part) => {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
};

export function place(hash = location.hash) {
  const [first, id, pane, ...rest] = hash.replace(/^#\/?/, "").split("/").map(decode);
  if (first === "new") return { view: "new" };
  if (first === "tasks" && id) return { view: "task", id, pane: pane || "", detail: rest.join("/") };
  return { view: "list" };
}

export const href = {
  list: "#/",
  create: "#/new",
  task: (id, pane, detail = "") =>
    ["#/tasks", encodeURIComponent(id), pane, encodeURIComponent(detail)].filter(Boolean).join("/"),
};

export const go = (hash) => {
  location.hash = hash;
};
