// Single keys: they rest while somebody types, and never take a key the browser or a modifier wants.
const bound = new Map();
const KEPT = "vigie.keys";
const MOVES = new Set(["j", "k", "ArrowLeft", "ArrowRight", "+", "-"]);

export function keysAreOn() {
  return localStorage.getItem(KEPT) !== "off";
}

// `does(event)` answers false when the key was not for it after all.
export function onKey(key, does) {
  const others = bound.get(key) || [];
  bound.set(key, [does, ...others]);
}

export function isTyping(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export function bindKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing) return;
    if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === "k") {
      run("Ctrl K", event);
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector("dialog[open]") || !keysAreOn()) return;
    if (event.key === "Enter" && event.target.closest?.("a, button, summary") && !event.target.closest("[data-label].row")) return;
    if (event.repeat && !MOVES.has(event.key)) {
      if (bound.has(event.key)) event.preventDefault();
      return; // a key that is held acts once
    }
    run(event.key, event);
  });
  onKey("?", () => document.getElementById("all-keys")?.showModal());
  bindSwitch();
}

function run(key, event) {
  for (const does of bound.get(key) || []) {
    if (does(event) !== false) {
      event.preventDefault();
      return;
    }
  }
}

function bindSwitch() {
  const button = document.querySelector("[data-keys-switch]");
  if (!button) return;
  const show = () => {
    button.textContent = keysAreOn() ? "on" : "off";
    button.setAttribute("aria-pressed", String(keysAreOn()));
  };
  button.addEventListener("click", () => {
    localStorage.setItem(KEPT, keysAreOn() ? "off" : "on");
    show();
  });
  show();
}
