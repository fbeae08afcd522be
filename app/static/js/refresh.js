// Brings the page's own address again and changes what changed, in place. Fields and focus stay.
import { tick } from "./clock.js";

let running = null;
let again = false;
let inHand = false; // a chart is drawn over with the mouse: it must not be exchanged under the hand

addEventListener("mousedown", (event) => { inHand = Boolean(event.target.closest?.("[data-live] .uplot")); });
addEventListener("mouseup", () => { inHand = false; });

export function refresh() {
  if (running) {
    again = true;
    return running;
  }
  running = bring().finally(() => {
    running = null;
    if (again) {
      again = false;
      refresh();
    }
  });
  return running;
}

async function bring() {
  const chosen = document.querySelector(".row.chosen")?.dataset.label;
  const asked = location.href;
  const address = new URL(asked);
  if (chosen) address.searchParams.set("chosen", chosen);
  let response;
  try {
    response = await fetch(address, { headers: { Accept: "text/html" }, credentials: "same-origin" });
  } catch {
    return; // the live lamp says that we are not live; the next event or reconnection brings the page again
  }
  if (response.redirected && new URL(response.url).pathname.startsWith("/sign-in")) {
    location.assign(response.url);
    return;
  }
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  keepMark(fresh);
  // A turn later, so that whoever heard the same mouseup has acted on it.
  if (inHand) await new Promise((done) => addEventListener("mouseup", () => setTimeout(done), { once: true }));
  if (location.href !== asked) {
    again = true; // one looks elsewhere by now: that page is brought instead
    return;
  }
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${part.dataset.live}"]`);
    if (other) exchange(part, other);
  }
  document.dispatchEvent(new CustomEvent("vigie:fresh", { detail: fresh }));
  tick();
}

// A page's forms are known by one mark as long as it stands, so that what was brought anew is no other form, nor looks changed.
function keepMark(fresh) {
  const mine = document.querySelector('meta[name="csrf"]')?.content || "";
  const token = (text) => text.split(".")[0];
  for (const field of fresh.querySelectorAll('input[name="csrf"]')) {
    if (token(field.value) === token(mine)) field.setAttribute("value", mine);
  }
}

function exchange(part, other) {
  const same = part.dataset.digest === other.dataset.digest;
  for (const { name, value } of other.attributes) {
    if (part.getAttribute(name) !== value) part.setAttribute(name, value);
  }
  if (part.dataset.digest !== undefined && same && part.querySelector(".uplot")) return; // frozen evidence does not change
  if (part.innerHTML === other.innerHTML || part.dataset.sent === other.innerHTML) return;
  part.dataset.sent = "";
  if (part.contains(document.activeElement)) {
    keepFocus(part, other);
    return;
  }
  part.replaceChildren(...other.childNodes);
}

function keepFocus(part, other) {
  const held = document.activeElement;
  const mark = held.id ? `#${held.id}` : held.dataset.act ? `[data-act="${held.dataset.act}"]` : held.getAttribute("href") ? `[href="${CSS.escape(held.getAttribute("href"))}"]` : "";
  part.replaceChildren(...other.childNodes);
  if (mark) part.querySelector(mark)?.focus();
}
