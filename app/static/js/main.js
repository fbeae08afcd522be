// Boot: the parts every page has, then what this page asks for.
import { bindTheme } from "./theme.js";
import { bindKeys, keysAreOn } from "./keys.js";
import { startClock } from "./clock.js";
import { bindOmnibox } from "./omnibox.js";
import { startLive } from "./live.js";
import { bindActs } from "./acts.js";
import { bindFloor } from "./floor.js";
import { bindAnswer } from "./answer.js";
import { bindAttach } from "./attach.js";
import { drawCharts } from "./charts.js";
import { bindLooks } from "./looks.js";
import { bindTables } from "./tables.js";
import { bindCopies } from "./copies.js";
import { bindWould } from "./would.js";
import { bindNotifications } from "./notify.js";

bindTheme();
bindKeys();
startClock();
bindCopies();
bindTables();
bindWould();
if (document.querySelector(".top")) {
  bindOmnibox();
  bindActs();
  bindFloor();
  bindAnswer();
  bindAttach();
  startLive();
  bindNotifications();
  bindLooks();
}
drawCharts();
// Ctrl Enter keeps a form from any of its fields, as it sends a reply.
document.addEventListener("keydown", (event) => {
  const form = event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.defaultPrevented && event.target.form;
  const main = form && form.matches("form.fields") && form.querySelector("button.main");
  if (!main) return;
  event.preventDefault();
  if (!event.repeat) form.requestSubmit(main);
});
// A form that is on its way is not sent again by a second click; the house itself knows one that is (app/sent_once.py).
const ON_ITS_WAY_MS = 5000;
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method !== "post") return;
  if (Date.now() - Number(form.dataset.sentAt || 0) < ON_ITS_WAY_MS) event.preventDefault();
  else form.dataset.sentAt = Date.now();
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent-at]")) delete form.dataset.sentAt;
});
document.documentElement.dataset.ready = keysAreOn() ? "keys" : "no-keys";
// A sign-in link is a form so that whatever only fetches addresses cannot spend it; a person's browser presses it at once.
document.querySelector("form[data-press]")?.requestSubmit();
