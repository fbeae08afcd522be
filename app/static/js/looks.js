// Looking at another span of the same machine: the address changes, and the page's parts are brought anew.
import { now } from "./clock.js";
import { onKey } from "./keys.js";
import { refresh } from "./refresh.js";

const SHORTEST = 60;
// How far each key moves the two ends, in widths of the span.
const STEPS = { ArrowLeft: [-0.5, -0.5], ArrowRight: [0.5, 0.5], "+": [0.25, -0.25], "-": [-0.5, 0.5] };
let ahead = null; // where we are going, until that page has come: keys pressed meanwhile go on from there

export const canLook = (figure) => Boolean(figure.closest("[data-looks]"));

export function bindLooks() {
  if (!document.querySelector("[data-look]")) return;
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("[data-look]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    go(new URL(link.href));
  });
  for (const key of [...Object.keys(STEPS), "0"]) {
    onKey(key, () => {
      if (ahead && STEPS[key]) return step(...STEPS[key]);
      const link = document.querySelector(`[data-look-key="${key}"]`);
      return link ? go(new URL(link.href)) : false;
    });
  }
  document.addEventListener("vigie:fresh", () => { ahead = null; });
  addEventListener("popstate", () => refresh());
  document.addEventListener("wheel", turn, { passive: false });
}

export function lookAt(from, to) {
  const address = new URL(location.href);
  const end = Math.max(to, from + SHORTEST);
  address.searchParams.delete("span");
  address.searchParams.set("from", String(Math.round(from)));
  address.searchParams.set("to", String(Math.round(end)));
  go(address);
}

function step(first, last) {
  const width = ahead.end - ahead.start;
  const over = Math.max(0, ahead.end + last * width - now() / 1000);
  lookAt(ahead.start + first * width - over, ahead.end + last * width - over);
}

export function moveBy(seconds) {
  const { start, end } = shown();
  lookAt(start + seconds, end + seconds);
}

export function zoomBy(factor, middle) {
  const { start, end } = shown();
  const at = middle ?? (start + end) / 2;
  lookAt(at - (at - start) * factor, at + (end - at) * factor);
}

function shown() {
  const { start, end, now } = JSON.parse(document.querySelector("[data-chart-data]").textContent);
  return { start, end: now || end };
}

// Only with Ctrl or Shift: the wheel alone moves the page.
let turned = 0;
function turn(event) {
  const figure = event.target.closest?.("[data-looks] figure");
  if (!figure || !(event.ctrlKey || event.shiftKey)) return;
  event.preventDefault();
  if (event.timeStamp - turned < 250) return;
  turned = event.timeStamp;
  const amount = event.deltaY || event.deltaX;
  const { start, end } = shown();
  if (event.shiftKey) {
    moveBy((Math.sign(amount) * (end - start)) / 4);
    return;
  }
  const box = figure.querySelector(".u-over")?.getBoundingClientRect();
  const share = box ? Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) : 0.5;
  zoomBy(amount < 0 ? 0.5 : 2, start + (end - start) * share);
}

function go(address) {
  const { from, to } = Object.fromEntries(address.searchParams);
  ahead = from && to ? { start: Number(from), end: Number(to) } : null;
  history.pushState(null, "", address);
  refresh();
}
