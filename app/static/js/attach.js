// Files: dropped anywhere on the incident, or chosen by the key; they are kept at once and shown where they stand.
import { onKey } from "./keys.js";
import { say } from "./toast.js";
import { refresh } from "./refresh.js";

const LARGEST = 25 * 1024 * 1024;

export function bindAttach() {
  const form = () => document.querySelector("[data-attach]");
  if (!form()) return;
  onKey("f", () => {
    form().scrollIntoView({ block: "nearest" });
    form().elements.file.focus();
    form().elements.file.click();
  });
  document.addEventListener("change", (event) => {
    if (event.target === form()?.elements.file && event.target.files.length) send(form(), event.target.files);
  });
  document.addEventListener("submit", (event) => {
    if (event.target !== form()) return;
    event.preventDefault();
    if (form().elements.file.files.length) send(form(), form().elements.file.files);
  });
  for (const name of ["dragenter", "dragover"]) {
    document.addEventListener(name, (event) => {
      if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
      event.preventDefault();
      document.body.classList.add("dropping");
    });
  }
  for (const name of ["dragleave", "drop", "dragend"]) {
    document.addEventListener(name, (event) => {
      if (name !== "dragleave" || event.relatedTarget === null) document.body.classList.remove("dropping");
    });
  }
  document.addEventListener("drop", (event) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    send(form(), event.dataTransfer.files);
  });
}

async function send(form, files) {
  const large = [...files].find((file) => file.size > LARGEST);
  if (large) {
    say(`“${large.name}” is larger than 25 MB; nothing was sent.`);
    return;
  }
  const body = new FormData();
  for (const file of files) body.append("file", file);
  if (form.elements.internal.checked) body.append("internal", "1");
  const csrf = document.querySelector('meta[name="csrf"]')?.content || "";
  say(files.length === 1 ? `Adding “${files[0].name}”.` : `Adding ${files.length} files.`);
  try {
    const response = await fetch(form.action, { method: "POST", body, headers: { Accept: "application/json", "X-CSRF-Token": csrf } });
    const answer = await response.json().catch(() => ({}));
    form.reset();
    form.elements.file.blur(); // single keys are the page's again
    say(answer.said || `The house answered ${response.status}.`);
  } catch (error) {
    say(`Not sent: ${error.message}. Nothing was kept.`);
  }
  await refresh();
}
