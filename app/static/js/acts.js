// Acts on the incident in the beam: done at once where they can be taken back, held for eight seconds where they leave the house.
import { onKey } from "./keys.js";
import { canTakeBack, say } from "./toast.js";
import { askWhy } from "./askwhy.js";
import { refresh } from "./refresh.js";

const ACTS = {
  acknowledge: { key: "a", done: (it) => `You acknowledged “${it.title}”.` },
  claim: { key: "c", done: (it) => `You claimed “${it.title}”.` },
  second: { key: "s", done: (it) => `A second is called to “${it.title}”.` },
  wait: { key: "w", done: (it) => `“${it.title}” waits; its clocks rest.`, asks: {
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
  take_over: { key: "", done: (it) => `“${it.title}” is yours.` },
  not_over: { key: "", done: () => "It stays with the giver, who is told why.", asks: {
    title: "Why do you not take it over?", fields: [{ name: "reason", label: "Reason, for the giver" }] } },
  keep: { key: "", done: (it) => `“${it.title}” stays yours.` },
  close: { key: "", done: (it) => `“${it.title}” is closed.` },
  accept: { key: "y", done: (it) => `You stand beside on “${it.title}”.` },
  decline: { key: "", done: () => "The next is asked.", asks: {
    title: "Why can you not stand beside?", fields: [{ name: "reason", label: "Reason, for the owner" }] } },
  agree: { key: "", done: () => "Agreed; both sides read it." },
  disagree: { key: "", done: () => "Not agreed; the customer reads why.", asks: {
    title: "Why not?", fields: [{ name: "reason", label: "Reason, for the customer" }] } },
  severity: { key: "p", done: () => "Proposed; a graver one holds at once.", asks: {
    title: "Another severity: which, and why?", fields: [
      { name: "severity", label: "Severity", choices: ["1", "2", "3", "4"], chosen: "severity" },
      { name: "reason", label: "Reason, for both sides" }] } },
  workaround: { key: "b", done: () => "The way around is told; its clock has stopped.", asks: {
    title: "A way around it", fields: [{ name: "text", label: "What the customer can do meanwhile", long: true }] } },
  workaround_gone: { key: "", done: () => "Its clock runs on.", asks: {
    title: "It does not hold any more?", fields: [{ name: "reason", label: "What was seen" }] } },
  merge: { key: "m", done: (it, values) => `Merged into ${values.into}.`, asks: {
    title: "Merge this into another one", fields: [
      { name: "into", label: "Into, such as VG-1001" }, { name: "reason", label: "Why they are one problem" }] } },
  relate: { key: "i", done: (it, values) => `“${it.title}” belongs to ${values.to}.`, asks: {
    title: "What does it belong to?", fields: [
      { name: "kind", label: "It is", choices: [["caused_by", "caused by"], ["child_of", "part of"], ["duplicate_of", "the same as"],
        ["related", "seen beside"], ["change", "the change"], ["vendor_case", "the vendor’s case"]] },
      { name: "to", label: "Which one: VG-1001, or the number of the change or case" },
      { name: "party", label: "Whose number that is, such as the vendor (may stay empty)", optional: true }] } },
  unrelate: { key: "", done: () => "It does not hold any more; that it did is kept." },
  split: { key: "d", goes: (it) => `/incidents/${it.label}/split-off` },
  join: { key: "t", done: (it, values) => `You are in the swarm as ${values.role}.`, asks: {
    title: "Which role do you take?", fields: [
      { name: "role", label: "Role", choices: ["lead", "scribe", "voice", "specialist"] }] } },
  role: { key: "", done: () => "Your answer is kept." },
  want_help: { key: "l", done: () => "Shown to everybody with the skill.", asks: {
    title: "Help wanted: with what?", fields: [
      { name: "subject", label: "Skill", from: "subjects" },
      { name: "words", label: "What is needed" }] } },
  take_help: { key: "", done: () => "You help; the owner is told." },
  serve: { key: "q", done: (it, values) => `Served ${{ phone: "on the phone", remote: "in a remote session", written: "in writing" }[values.by]} from now on.`, asks: {
    title: "How is the customer served from now on?", fields: [
      { name: "by", label: "From now on", choices: [["phone", "on the phone"], ["remote", "in a remote session"], ["written", "in writing"]] }] } },
  stay: { key: "z", only: "[data-stays]", done: () => "You stay with it; the lead reads why.", asks: {
    title: "Stay with it after your turn: until when, and why?", fields: [
      { name: "until", label: "Until", from: "stays" },
      { name: "reason", label: "Why, for the lead" }] } },
  edit: { key: "", done: () => "Corrected; the former text stays to be seen.", asks: {
    title: "Correct it", fields: [{ name: "text", label: "The text as it should be", long: true }] } },
  undo: { key: "", done: () => "Taken back." },
  send_now: { key: "", done: () => "What was held back leaves now." },
  verdict: { key: "", done: (it, values) => `Judged ${values.word}: the detector learns from it.` },
};

// The incident acts are about: the chosen row, or the page's own.
export function subject() {
  const own = document.querySelector("[data-incident]");
  const row = document.querySelector(".row.chosen");
  const from = own || row;
  if (!from) return null;
  return { label: from.dataset.label, version: from.dataset.version, title: from.dataset.title, state: from.dataset.state,
    severity: from.dataset.severity, asked: from.dataset.asked, offered: from.dataset.offered, proposed: from.dataset.proposed, row };
}

export function bindActs() {
  // One key judges what stands before one: the evidence's own buttons say whether that may be done.
  ["true", "benign", "false"].forEach((word, place) => onKey(String(place + 1), () => {
    const button = document.querySelector(`[data-act="verdict"][data-value="${word}"]`);
    if (!button) return false;
    button.click();
  }));
  for (const [name, act] of Object.entries(ACTS)) {
    if (act.key && name !== "resume") onKey(act.key, () => perform(meant(name)));
  }
  // While the toast stands, its own "u" takes back what is still here; afterwards the house does, for the minute.
  onKey("u", () => (canTakeBack() || !subject() ? false : perform("undo")));
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("button[data-act]");
    if (!button) return;
    event.preventDefault();
    const { act, value, subjects, stays, ...given } = button.dataset;
    perform(act, value ? { word: value, ...given } : given);
  });
}

// What may be chosen is sometimes known to the page only.
function filled(field) {
  if (field.chosen) return { ...field, chosen: subject()?.[field.chosen] };
  if (!field.from) return field;
  return { ...field, choices: document.querySelector(`[data-${field.from}]`).dataset[field.from].split(",").map((one) => (one.includes("|") ? one.split("|") : one)) };
}

// One key for two acts: which of them is meant is seen on the incident.
function meant(name) {
  const it = subject();
  if (name === "wait" && it?.state === "waiting") return "resume";
  if (name === "accept" && !it?.asked && it?.offered) return "take_over";
  if (name === "accept" && it?.proposed && !it.asked) return "agree";
  return name;
}

export async function perform(name, values = {}) {
  const it = subject();
  const act = ACTS[name];
  if (name === "reply" || name === "note") {
    document.dispatchEvent(new CustomEvent("vigie:write", { detail: { kind: name, it } }));
    return undefined;
  }
  if (!it || !act || document.querySelector("#ask-why[open]")) return false; // it asks already
  if (act.only && !document.querySelector(act.only)) return false; // not asked of anybody now
  if (act.goes) {
    location.assign(act.goes(it));
    return undefined;
  }
  if (act.asks) {
    const open = act.asks.fields.filter((field) => !values[field.name]);
    const answers = open.length ? await askWhy({ ...act.asks, fields: open.map(filled) }) : {};
    if (!answers) return undefined;
    Object.assign(values, answers);
  }
  if (act.leaves) {
    say(`${act.leaves} for “${it.title}” in a moment.`, { undo: () => {}, go: (now) => send(it, name, now ? { ...values, now: 1 } : values, act) });
    return undefined;
  }
  return send(it, name, values, act);
}

const onTheirWay = new Set(); // a second click or key while an act is on its way is the same act

// Posts one act and says what came of it. Resolves to true when the house took it, or has it in hand already.
export async function send(it, name, values, act = ACTS[name]) {
  const same = JSON.stringify([it.label, name, values]);
  if (onTheirWay.has(same)) return true;
  onTheirWay.add(same);
  const answer = await post(`/incidents/${it.label}/${name}`, { ...values, version: it.version });
  onTheirWay.delete(same);
  if (!answer.ok) {
    refuse(it, answer.said);
    return false;
  }
  const undo = name === "undo" || name === "send_now" ? null : () => send({ ...it, version: answer.version }, "undo", {});
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
