// The queue: one row in the beam, moved by j and k; new rows wait while somebody is reading.
import { onKey } from "./keys.js";
import { tick } from "./clock.js";

let held = null; // a newer queue than the one shown
let pointerInside = false;
let actedUntil = 0; // one's own act may move its row at once: whoever did it knows why

const list = () => document.querySelector("[data-queue]");
const rows = () => [...document.querySelectorAll("[data-queue] .row")].filter((row) => row.offsetParent !== null);
const chosenRow = () => document.querySelector(".row.chosen");

export function bindFloor() {
  const queue = list();
  if (!queue) return;
  fold(localStorage.getItem("vigie.others") === "folded");
  onKey("j", () => move(1));
  onKey("k", () => move(-1));
  onKey("Enter", () => open());
  onKey("g", () => fold());
  onKey(".", () => showNow());
  onKey("Escape", () => document.activeElement?.blur?.());
  queue.addEventListener("pointerenter", () => { pointerInside = true; });
  queue.addEventListener("pointerleave", () => { pointerInside = false; settleIfFree(); });
  queue.addEventListener("focusout", () => setTimeout(settleIfFree, 0));
  queue.addEventListener("click", (event) => {
    const row = event.target.closest(".row");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || window.innerWidth <= 760) return;
    event.preventDefault();
    choose(row);
  });
  queue.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".row");
    if (row) location.assign(row.href);
  });
  document.querySelector(".horizon")?.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    const row = link && rows().find((one) => one.getAttribute("href") === link.getAttribute("href"));
    if (!row || window.innerWidth <= 760) return;
    event.preventDefault();
    choose(row);
  });
  document.addEventListener("vigie:acted", () => { actedUntil = Date.now() + 3000; });
  document.addEventListener("vigie:fresh", (event) => receive(event.detail));
  document.addEventListener("vigie:write", (event) => {
    if (event.detail.it && !document.querySelector("[data-answer]")) {
      location.assign(`/incidents/${event.detail.it.label}#${event.detail.kind}`);
    }
  });
  onKey("r", () => write("reply"));
  onKey("n", () => write("note"));
}

function write(kind) {
  const row = chosenRow();
  if (!row) return false;
  location.assign(`/incidents/${row.dataset.label}#${kind}`);
  return true;
}

function open() {
  const row = chosenRow();
  if (!row) return false;
  location.assign(row.href);
  return true;
}

function move(step) {
  const every = rows();
  if (!every.length) return;
  const at = every.indexOf(chosenRow());
  choose(every[Math.min(every.length - 1, Math.max(0, at + step))], true);
}

function choose(row, focus = false) {
  if (!row) return;
  const before = chosenRow();
  if (before && before !== row) {
    before.classList.remove("chosen");
    before.removeAttribute("aria-current");
  }
  row.classList.add("chosen");
  row.setAttribute("aria-current", "true");
  if (focus) row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
  if (before !== row) peek(row);
}

let asked = 0;
async function peek(row) {
  const mine = ++asked;
  const pane = document.querySelector("[data-peek]");
  const response = await fetch(`/incidents/${row.dataset.label}/peek`, { headers: { Accept: "text/html" } }).catch(() => null);
  if (mine !== asked || !response?.ok) return;
  const text = await response.text();
  const fresh = new DOMParser().parseFromString(text, "text/html");
  pane.replaceChildren(...fresh.body.childNodes);
  pane.scrollTop = 0;
  tick(pane);
}

function fold(to) {
  const others = document.querySelector("section.others[data-folded]");
  if (!others) return false;
  const folded = to ?? !others.querySelector("ol").hidden;
  others.querySelector("ol").hidden = folded;
  localStorage.setItem("vigie.others", folded ? "folded" : "open");
  return true;
}

const isBusy = () => pointerInside || list().contains(document.activeElement);

// A newer page came. Values change in place; places change only when nobody is in the list.
function receive(fresh) {
  const next = fresh.querySelector("[data-rows]");
  if (!next) return;
  const here = keysOf(document.querySelector("[data-rows]"));
  const there = keysOf(next);
  const same = here.length === there.length && here.every((key, index) => key === there[index]);
  if (same || !isBusy() || !here.length || Date.now() < actedUntil) {
    replace(next, fresh);
    return;
  }
  inPlace(next);
  held = { next, fresh };
  const added = there.filter((key) => !here.includes(key)).length;
  const gone = here.filter((key) => !there.includes(key)).length;
  const moved = added || gone ? 0 : 1;
  const said = [added && `${added} new`, gone && `${gone} gone`, moved && "the order changed"].filter(Boolean).join(", ");
  const news = document.querySelector("[data-news]");
  const button = Object.assign(document.createElement("button"), { type: "button", className: "word", textContent: "Show now" });
  button.addEventListener("click", () => showNow());
  const key = Object.assign(document.createElement("kbd"), { textContent: "." });
  news.replaceChildren(`${said}. The list holds still while the pointer or a key is in it. `, button, " ", key);
  news.hidden = false;
}

const keysOf = (root) => [...(root?.querySelectorAll("[data-key]") || [])].map((one) => one.dataset.key);

function inPlace(next) {
  for (const item of document.querySelectorAll("[data-rows] [data-key]")) {
    const other = next.querySelector(`[data-key="${item.dataset.key}"] .row`);
    const row = item.querySelector(".row");
    if (!other || row.innerHTML === other.innerHTML) continue;
    for (const name of ["version", "state", "severity", "title"]) row.dataset[name] = other.dataset[name];
    row.innerHTML = other.innerHTML;
    wash(row);
  }
}

function replace(next, fresh) {
  const before = new Set(keysOf(document.querySelector("[data-rows]")));
  const label = chosenRow()?.dataset.label;
  const focused = document.activeElement?.closest?.(".row")?.dataset.label;
  const top = list().scrollTop;
  const folded = document.querySelector("section.others ol")?.hidden;
  document.querySelector("[data-rows]").replaceWith(next.cloneNode(true));
  if (folded) fold(true);
  list().scrollTop = top;
  const find = (wanted) => rows().find((row) => row.dataset.label === wanted);
  for (const item of document.querySelectorAll("[data-rows] [data-key]")) {
    if (before.size && !before.has(item.dataset.key)) wash(item.querySelector(".row"));
  }
  const row = find(label) || chosenRow() || rows()[0];
  for (const other of document.querySelectorAll(".row.chosen")) if (other !== row) other.classList.remove("chosen");
  if (row) {
    row.classList.add("chosen");
    row.setAttribute("aria-current", "true");
    if (focused) find(focused)?.focus({ preventScroll: true });
  }
  const pane = fresh.querySelector("[data-peek]");
  const shown = document.querySelector("[data-peek]");
  if (row && row.dataset.label !== pane?.querySelector("[data-label]")?.dataset.label) peek(row);
  else if (pane && shown && pane.innerHTML !== shown.innerHTML && !shown.contains(document.activeElement)) shown.replaceChildren(...pane.cloneNode(true).childNodes);
  held = null;
  document.querySelector("[data-news]").hidden = true;
}

function showNow() {
  if (!held) return false;
  replace(held.next, held.fresh);
  return true;
}

function settleIfFree() {
  if (held && !isBusy()) showNow();
}

function wash(row) {
  row?.classList.add("moved");
  setTimeout(() => row?.classList.remove("moved"), 1300);
}
