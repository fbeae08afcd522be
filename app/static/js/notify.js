// One's own notices as notifications of the browser: fetched at each nudge, told to the desk once shown.
const CSRF = () => document.querySelector("meta[name=csrf]")?.content ?? "";
let asking = false;

export function bindNotifications() {
  if (!("Notification" in window)) return;
  document.querySelector("[data-ask-notifications]")?.addEventListener("click", () => {
    if (Notification.permission === "default") Notification.requestPermission();
  });
  document.addEventListener("vigie:incident", look);
  look();
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
