// Tables with rows one may open: j k move, Enter opens.
import { onKey } from "./keys.js";

export function bindTables() {
  const rows = () => [...document.querySelectorAll("tr[data-href]")];
  if (!rows().length) return;
  let at = -1;
  const show = (index) => {
    const every = rows();
    at = Math.min(every.length - 1, Math.max(0, index));
    every.forEach((row, place) => row.classList.toggle("chosen", place === at));
    every[at]?.querySelector("a")?.focus({ preventScroll: true });
    every[at]?.scrollIntoView({ block: "nearest" });
  };
  onKey("j", () => show(at + 1));
  onKey("k", () => show(at - 1));
  onKey("Enter", () => {
    const row = rows()[at];
    if (!row) return false;
    location.assign(row.dataset.href);
    return true;
  });
}
