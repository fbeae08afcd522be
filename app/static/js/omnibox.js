// Find or do anything: answers while one types, acts first; arrows move, Enter does it.
import { onKey } from "./keys.js";
import { perform, subject } from "./acts.js";

let asked = 0;

export function bindOmnibox() {
  const box = document.getElementById("omnibox");
  const input = document.getElementById("omnibox-input");
  const found = document.getElementById("omnibox-found");
  if (!box) return;
  const open = () => {
    if (box.open) return;
    box.showModal();
    input.select();
    find(input.value);
  };
  onKey("Ctrl K", open);
  onKey("/", open);
  for (const button of document.querySelectorAll('[data-open="omnibox"]')) button.addEventListener("click", open);
  let timer = 0;
  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => find(input.value), 60);
  });
  input.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      select(index() + step);
    } else if (event.key === "Escape") {
      event.preventDefault(); // a search field would only empty itself
      box.close();
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(options()[Math.max(0, index())]);
    }
  });
  found.addEventListener("click", (event) => {
    const option = event.target.closest('[role="option"]');
    if (!option) return;
    event.preventDefault();
    go(option);
  });
  box.addEventListener("click", (event) => { if (event.target === box) box.close(); });

  const options = () => [...found.querySelectorAll('[role="option"]')];
  const index = () => options().findIndex((one) => one.getAttribute("aria-selected") === "true");

  function select(at) {
    const every = options();
    if (!every.length) return;
    const place = (at + every.length) % every.length;
    every.forEach((one, other) => one.setAttribute("aria-selected", String(other === place)));
    input.setAttribute("aria-activedescendant", every[place].id);
    every[place].scrollIntoView({ block: "nearest" });
  }

  function go(option) {
    if (!option) return;
    box.close();
    if (option.dataset.does) perform(option.dataset.does);
    else location.assign(option.getAttribute("href"));
  }

  async function find(text) {
    const mine = ++asked;
    const about = subject();
    const address = new URL("/search", location.href);
    address.searchParams.set("q", text);
    if (about) address.searchParams.set("on", about.label);
    const response = await fetch(address, { headers: { "X-Part": "1" } }).catch(() => null);
    if (mine !== asked || !response?.ok) return;
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    found.replaceChildren(...fresh.body.childNodes);
    box.querySelector("[data-omnibox-count]").textContent = found.querySelector("[data-count]")?.dataset.count || "";
    select(0);
  }
}
