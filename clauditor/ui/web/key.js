// The door: a single-use code from the address becomes a key, kept for this tab; questions carry it.

const NAME = "clauditor-key";
const ANSWER_MS = 15_000;

export class LockedError extends Error {}

// What the sidecar says instead of an answer: one sentence.
export class RefusedError extends Error {}

export function sentenceOf(error) {
  return error instanceof RefusedError ? error.message : "Clauditor does not answer.";
}

// The sidecar's own sentence in an answer that is not good.
export async function refusal(answer) {
  const body = await answer.json().catch(() => null);
  return new RefusedError(body?.error?.message ?? "Clauditor failed to answer.");
}

export function key() {
  return sessionStorage.getItem(NAME);
}

// Take the code out of the address at once, and exchange it. A sentence where it is not good.
export async function letIn() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (code === null) return key() === null ? "Open this page with: clauditor web" : "";
  history.replaceState(null, "", location.pathname + "#live");
  const answer = await fetch("/api/v1/page/key", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
    credentials: "omit",
    signal: AbortSignal.timeout(ANSWER_MS),
  }).catch(() => null);
  const body = await answer?.json().catch(() => null);
  if (answer?.ok && typeof body?.key === "string") {
    sessionStorage.setItem(NAME, body.key);
    return "";
  }
  if (key() !== null) return "";
  return body?.error?.message ?? "Clauditor does not answer. Start it: clauditor up; then: clauditor web";
}

// A request with the key. Throws LockedError where the key is not, or no longer, good.
export async function request(path, options = {}) {
  const held = key();
  if (held === null) throw new LockedError();
  const headers = { ...options.headers, Authorization: `Bearer ${held}` };
  const answer = await fetch(path, { ...options, headers, credentials: "omit", cache: "no-store" });
  if (answer.status === 401) {
    sessionStorage.removeItem(NAME);
    throw new LockedError();
  }
  return answer;
}

// The JSON at a path. Throws RefusedError.
export async function ask(path, query = {}) {
  const asked = new URLSearchParams({ zone: String(-new Date().getTimezoneOffset()) });
  for (const [name, value] of Object.entries(query)) if (value !== "" && value !== null) asked.set(name, String(value));
  const answer = await request(`${path}?${asked}`, { signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

export async function send(path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await request(path, { method: "POST", headers, body: JSON.stringify(body), signal: AbortSignal.timeout(ANSWER_MS) });
  if (!answer.ok) throw await refusal(answer);
}

export const pathOf = (id, more = "") => `/api/v1/page/sessions/${encodeURIComponent(id)}${more}`;
