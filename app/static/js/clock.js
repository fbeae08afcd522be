// The house's time on this screen: the clock on top and every countdown. The server's clock counts, not the visitor's.
import { chip, dayAndHour, hourOf } from "./words.js";

const zone = document.body.dataset.zone || "UTC";
const skew = document.body.dataset.now ? Date.parse(document.body.dataset.now) - Date.now() : 0;

export function now() {
  return Date.now() + skew;
}

export function tick(root = document) {
  const at = now();
  for (const mark of root.querySelectorAll("[data-due]")) {
    const said = chip(Date.parse(mark.dataset.due), at);
    if (!said.text) continue;
    if (mark.textContent !== said.text) mark.textContent = said.text;
    const frame = mark.closest(".due");
    if (frame && !frame.classList.contains(`due-${said.urgency}`)) {
      frame.className = frame.className.replace(/\bdue-(late|now|close|soon|far|rest|kept)\b/, `due-${said.urgency}`);
    }
  }
  for (const mark of root.querySelectorAll("[data-due-words]")) {
    if (!mark.dataset.dueWords) continue;
    const said = chip(Date.parse(mark.dataset.dueWords), at);
    if (said.text && mark.textContent !== said.text) mark.textContent = said.text;
  }
}

export function startClock() {
  const clock = document.querySelector("[data-clock]");
  const utc = document.querySelector("[data-clock-utc]");
  const beat = () => {
    if (document.hidden) return;
    tick();
    const at = new Date(now());
    if (clock) clock.textContent = dayAndHour(at, zone);
    if (utc) utc.textContent = `${hourOf(at, "UTC")} UTC`;
  };
  beat();
  setInterval(beat, 1000);
  document.addEventListener("visibilitychange", beat);
}

export { zone };
