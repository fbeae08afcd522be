// One's own notices as notifications of the browser: fetched at each nudge, told to the desk once shown.
const CSRF = () => document.querySelector("meta[name=csrf]")?.content ?? "";
let asking = false;

export function bindNotifications() {
  if (!("Notification" in window)) return;
  const form = document.querySelector("[data-ask-notifications]");
  form?.addEventListener("submit", (event) => {
    if (Notification.permission !== "default") return;
    // Leaving the page would take the browser's question away before anybody could answer it.
    event.preventDefault();
    Notification.requestPermission().finally(() => form.submit());
  });
  sayWhatIsMissing();
  document.addEventListener("vigie:incident", look);
  look();
}

function sayWhatIsMissing() {
  // Whether they are shown is known of the person; whether this browser may, only here.
  const refused = document.querySelector("[data-notifications-refused]");
  if (refused) refused.hidden = Notification.permission !== "denied";
  const allow = document.querySelector("[data-allow-notifications]");
  if (!allow) return;
  allow.hidden = Notification.permission !== "default";
  allow.addEventListener("click", async () => {
    await Notification.requestPermission();
    location.reload();
  });
}

async function look() {
  if (asking || Notification.permission !== "granted") return;
  asking = true;
  try {
    const answer = await fetch("/notices/browser", { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    for (const notice of (await answer.json()).notices) show(notice);
  } catch {
    return; // not live; the lamp says so, and the next event looks again
  } finally {
    asking = false;
  }
}

function show(notice) {
  // The tag makes two open pages show it once.
  const shown = new Notification(notice.title, { body: notice.text, tag: notice.id });
  shown.addEventListener("click", () => {
    window.focus();
    location.assign(notice.path);
  });
  fetch(`/notices/browser/${notice.id}/shown`, { method: "POST", headers: { "X-CSRF-Token": CSRF() } });
}
