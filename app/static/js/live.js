// The event stream: rows are the truth, an event is only a nudge to look again.
import { hourOf } from "./words.js";
import { now, zone } from "./clock.js";
import { refresh } from "./refresh.js";

const SILENT_MS = 40_000; // two heartbeats and a half
let last = now();
let lost = false;
let stream = null;
let pending = 0;

export function startLive() {
  connect();
  setInterval(watch, 1000);
  const every = Number(document.body.dataset.refresh || 0);
  if (every) setInterval(() => document.hidden || refresh(), every * 1000);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && pending) nudge();
  });
  window.addEventListener("pagehide", () => stream?.close());
}

function connect() {
  // Since the page was drawn: what changed before the stream was up is told as well.
  stream = new EventSource(`/live?since=${Date.parse(document.body.dataset.now) || ""}`);
  const heard = () => {
    last = now();
    if (lost) {
      lost = false;
      refresh();
    }
    show();
  };
  stream.addEventListener("open", heard);
  stream.addEventListener("beat", heard);
  stream.addEventListener("incident", (event) => {
    heard();
    document.dispatchEvent(new CustomEvent("vigie:incident", { detail: JSON.parse(event.data) }));
    nudge();
  });
  stream.addEventListener("end", () => {
    stream.close();
    location.assign(`/sign-in?next=${encodeURIComponent(location.pathname)}`);
  });
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
    lost = true;
    show();
  });
}

// Several events in one breath bring the page once.
function nudge() {
  if (document.hidden) {
    pending = 1;
    return;
  }
  clearTimeout(nudge.timer);
  pending = 0;
  nudge.timer = setTimeout(refresh, 150);
}

function watch() {
  if (!lost && now() - last > SILENT_MS) lost = true;
  show();
}

function show() {
  const lamp = document.querySelector("[data-live-lamp]");
  const bar = document.querySelector("[data-lost]");
  if (!lamp) return;
  const seconds = Math.max(0, Math.round((now() - last) / 1000));
  const state = lost ? "lost" : "live";
  const text = lost ? "Not live" : `Live, ${seconds} s ago`;
  if (lamp.dataset.state !== state) lamp.dataset.state = state;
  const word = lamp.lastElementChild;
  // Only the change of state is announced; the seconds are for the eye.
  if (word.textContent !== text) word.textContent = text;
  lamp.ariaLive = "off";
  if (bar && bar.hidden === lost) {
    bar.hidden = !lost;
    bar.firstElementChild.textContent = lost ? `Not live since ${hourOf(last, zone)}. What stands here may have changed; we try again by ourselves.` : "";
  }
}
