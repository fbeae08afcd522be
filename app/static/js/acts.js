// Acts on the incident in the beam: done at once where they can be taken back, held for eight seconds where they leave the house.
import { onKey } from "./keys.js";
import { say } from "./toast.js";
import { askWhy } from "./askwhy.js";
import { refresh } from "./refresh.js";

const ACTS = {
  acknowledge: { key: "a", done: (it) => `You acknowledged “${it.title}”.` },
  claim: { key: "c", done: (it) => `You claimed “${it.title}”.` },
  second: { key: "s", done: (it) => `A second is called to “${it.title}”.` },
  wait: { key: "w", done: (it) => `“${it.title}” waits; its clocks rest.`, inverse: "resume", asks: {
    title: "Wait for whom, and why?", fields: [
      { name: "waiting_for", label: "For", choices: ["customer", "vendor", "maintenance"] },
      { name: "reason", label: "Why, in a sentence the customer may read" }] } },
  resume: { key: "w", done: (it) => `“${it.title}” goes on; its clocks run.` },
  escalate: { key: "e", leaves: "The next rung is called", done: () => "The next rung is called.", asks: {
    title: "Escalate: why now?", fields: [{ name: "reason", label: "Reason, for those who are called" }] } },
  resolve: { key: "x", leaves: "Resolved, the customer is told", done: (it) => `“${it.title}” is resolved.`, asks: {
    title: "What was done?", fields: [{ name: "text", label: "In words for the customer", long: true }] } },
  reopen: { key: "o", done: (it) => `“${it.title}” is open again.`, asks: {
    title: "It came back?", fields: [{ name: "reason", label: "What was seen" }] } },
  hand_over: { key: "h", goes: (it) => `/incidents/${it.label}/hand-over` },
  close: { key: "", done: (it) => `“${it.title}” is closed.` },
  verdict: { key: "", done: (it, values) => `Judged ${values.word}: the detector learns from it.` },
};

// The incident acts are about: the chosen row, or the page's own.
export function subject() {
  const own = document.querySelector("[data-incident]");
  const row = document.querySelector(".row.chosen");
  const from = own || row;
  if (!from) return null;
  return { label: from.dataset.label, version: from.dataset.version, title: from.dataset.title, state: from.dataset.state, row };
}

export function bindActs() {
  for (const [name, act] of Object.entries(ACTS)) {
    if (act.key && name !== "resume") onKey(act.key, () => perform(name === "wait" ? waitOrResume() : name));
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-act]");
    if (!button) return;
    event.preventDefault();
    perform(button.dataset.act, button.dataset.value ? { word: button.dataset.value } : {});
  });
}

function waitOrResume() {
  return subject()?.state === "waiting" ? "resume" : "wait";
}

export async function perform(name, values = {}) {
  const it = subject();
  const act = ACTS[name];
  if (name === "reply" || name === "note") {
    document.dispatchEvent(new CustomEvent("vigie:write", { detail: { kind: name, it } }));
    return undefined;
  }
  if (!it || !act) return false;
  if (act.goes) {
    location.assign(act.goes(it));
    return undefined;
  }
  if (act.asks) {
    const answers = await askWhy(act.asks);
    if (!answers) return undefined;
    Object.assign(values, answers);
  }
  if (act.leaves) {
    say(`${act.leaves} for “${it.title}” in a moment.`, { undo: () => {}, go: () => send(it, name, values, act) });
    return undefined;
  }
  return send(it, name, values, act);
}

// Posts one act and says what came of it. Resolves to true when the house took it.
export async function send(it, name, values, act = ACTS[name]) {
  const answer = await post(`/incidents/${it.label}/${name}`, { ...values, version: it.version });
  if (!answer.ok) {
    refuse(it, answer.said);
    return false;
  }
  const undo = act?.inverse ? () => send({ ...it, version: answer.version }, act.inverse, {}) : null;
  say(act ? act.done(it, values) : answer.said, { undo });
  document.dispatchEvent(new CustomEvent("vigie:acted"));
  await refresh();
  return true;
}

export async function post(address, values) {
  const body = new URLSearchParams(values);
  const csrf = document.querySelector('meta[name="csrf"]')?.content || "";
  try {
    const response = await fetch(address, {
      method: "POST", body, keepalive: true,
      headers: { Accept: "application/json", "X-CSRF-Token": csrf },
    });
    const answer = await response.json().catch(() => ({}));
    return { ok: response.ok, said: answer.said || `The house answered ${response.status}.`, ...answer };
  } catch (error) {
    return { ok: false, said: `Not sent: ${error.message}. Nothing was changed.` };
  }
}

// The row returns with the reason in its second line.
function refuse(it, said) {
  const where = it.row?.isConnected ? it.row.querySelector(".where") : null;
  if (where) {
    where.textContent = said;
    it.row.classList.add("refused-act");
  }
  say(said);
}
