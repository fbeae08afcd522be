// What happened, with eight seconds to take it back. What leaves the house leaves when they end.
import { onKey } from "./keys.js";

const SECONDS = 8;
let current = null;

// `undo` takes back what was done; `go` does what is still held. With neither it only says.
export function say(text, { undo = null, go = null } = {}) {
  settle();
  const box = document.getElementById("toast");
  if (!box) return;
  current = { undo, go, left: SECONDS, box, timer: 0 };
  const said = document.createElement("span");
  said.textContent = text;
  box.replaceChildren(said);
  if (undo) box.append(button("Undo", takeBack));
  if (go) box.append(button("Send now", () => settle(true)));
  const left = document.createElement("span");
  left.className = "left nb";
  left.ariaHidden = "true";
  box.append(left);
  box.hidden = false;
  const count = () => {
    if (!current) return;
    left.textContent = undo ? `u, ${current.left} s` : "";
    if (current.left <= 0) settle();
    else current.left -= 1;
  };
  count();
  current.timer = setInterval(count, 1000);
}

// The seconds end: what was held is done. `now`: somebody asked for it, so the house holds nothing back either.
export function settle(now = false) {
  const ending = clear();
  if (ending?.go) return ending.go(now === true);
  return null;
}

export function canTakeBack() {
  return Boolean(current?.undo);
}

export function isHolding() {
  return Boolean(current?.go);
}

function takeBack() {
  const ending = clear();
  if (!ending?.undo) return false;
  ending.undo();
  return true;
}

function clear() {
  const ending = current;
  current = null;
  if (!ending) return null;
  clearInterval(ending.timer);
  ending.box.hidden = true;
  return ending;
}

function button(word, does) {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = word;
  made.addEventListener("click", does);
  return made;
}

onKey("u", () => takeBack());
window.addEventListener("pagehide", () => settle());
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && isHolding() && !event.defaultPrevented) {
    event.preventDefault();
    if (!event.repeat) settle(true); // a key still held from sending is no wish to send at once
  }
});
