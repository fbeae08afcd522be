// The reply box: Ctrl Enter sends; a reply leaves the house after eight seconds, a note is kept at once.
import { onKey } from "./keys.js";
import { say, settle } from "./toast.js";
import { send, subject } from "./acts.js";

export function bindAnswer() {
  const form = document.querySelector("[data-answer]");
  if (!form) return;
  const text = form.elements.text;
  const kept = `vigie.draft.${subject()?.label}`;
  text.value = sessionStorage.getItem(kept) || text.value;
  text.addEventListener("input", () => sessionStorage.setItem(kept, text.value));
  const open = (kind) => {
    form.elements.kind.value = kind;
    show(form);
    text.focus();
    form.scrollIntoView({ block: "nearest" });
  };
  onKey("r", () => open("reply"));
  onKey("n", () => open("note"));
  document.addEventListener("vigie:write", (event) => open(event.detail.kind));
  form.addEventListener("change", () => show(form));
  text.addEventListener("keydown", (event) => {
    if (event.key === "Escape") text.blur();
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      if (!event.repeat) form.requestSubmit();
    }
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const words = text.value.trim();
    if (!words) return;
    const kind = form.elements.kind.value;
    const it = subject();
    const clear = () => { text.value = ""; sessionStorage.removeItem(kept); };
    const restore = () => { text.value = words; sessionStorage.setItem(kept, words); text.focus(); };
    const go = async (now) => { if (!(await send(it, kind, now ? { text: words, now: 1 } : { text: words }, said[kind]))) restore(); };
    clear();
    text.blur();
    if (kind === "note") go();
    else say("Your reply leaves in a moment.", { undo: restore, go });
  });
  if (location.hash === "#reply" || location.hash === "#note") open(location.hash.slice(1));
  show(form);
}

const said = {
  reply: { done: () => "Your reply is sent." },
  note: { done: () => "Your note is kept; the customer does not read it." },
};

function show(form) {
  const internal = form.elements.kind.value === "note";
  form.classList.toggle("internal", internal);
  form.querySelector("[data-answer-send] span").textContent = internal ? "Keep" : "Send";
  form.elements.text.placeholder = internal ? "For us only" : "Who does what, and when you write again";
  const effect = form.querySelector("[data-answer-effect]");
  effect.dataset.reply ??= effect.textContent;
  effect.textContent = internal ? "A note keeps no promise." : effect.dataset.reply;
}

export { settle };
