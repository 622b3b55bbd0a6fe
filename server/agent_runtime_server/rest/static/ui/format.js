// Times, sizes and money, as people read them.

export const seconds = (duration) => (duration ? Number.parseFloat(duration) : 0);

/** "0.4 s", "12 s", "3 min 05 s", "2 h 07 min". */
export function span(value) {
  if (!Number.isFinite(value) || value < 0) return "–";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 10) return `${value.toFixed(1)} s`;
  if (value < 60) return `${Math.floor(value)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} min ${two(Math.floor(value % 60))} s`;
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
}

/** The same while it goes on, in whole seconds. */
export const elapsed = (value) => (value < 60 ? `${Math.max(0, Math.floor(value))} s` : span(value));

export const since = (from, to) => (from ? ((to ? Date.parse(to) : Date.now()) - Date.parse(from)) / 1000 : Number.NaN);

/** "now", "4 min ago", "yesterday", "12 Mar". */
export function ago(time) {
  const passed = since(time);
  if (!Number.isFinite(passed)) return "";
  if (passed < 45) return "now";
  if (passed < 3600) return `${Math.max(1, Math.round(passed / 60))} min ago`;
  if (passed < 86_400) return `${Math.round(passed / 3600)} h ago`;
  if (passed < 172_800) return "yesterday";
  return new Date(time).toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

const two = (number) => String(number).padStart(2, "0");

export function clock(time) {
  const at = new Date(time);
  const milliseconds = String(at.getMilliseconds()).padStart(3, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${milliseconds}`;
}

export const moment = (time) => (time ? new Date(time).toLocaleString() : "–");

export function bytes(size) {
  if (size < 1024) return `${size} B`;
  const kib = size / 1024;
  return kib < 1024 ? `${kib.toFixed(kib < 10 ? 1 : 0)} KB` : `${(kib / 1024).toFixed(1)} MB`;
}

export function money(amount) {
  const value = Number(amount.units ?? 0) + Number(amount.nanos ?? 0) / 1e9;
  return `$${value.toFixed(value < 1 ? 4 : 2)}`;
}

export const count = (number) => Number(number ?? 0).toLocaleString("en-US");

export const plural = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;

export function host(address) {
  try {
    const { host: name, pathname } = new URL(address);
    return name + (pathname === "/" ? "" : pathname);
  } catch {
    return address || "–";
  }
}

/** What terminals colour with: tests' errors are full of it. */
export const plain = (text) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, "");
