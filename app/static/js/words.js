// The rules of app/words.py, so that a countdown goes on while the page is open. A browser test holds both to one table.
const MINUTE = 60, HOUR = 3600, DAY = 86400;

export function span(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)} min`;
  if (whole < DAY) {
    const hours = Math.floor(whole / HOUR), minutes = Math.floor((whole % HOUR) / MINUTE);
    return minutes ? `${hours} h ${String(minutes).padStart(2, "0")}` : `${hours} h`;
  }
  const days = Math.floor(whole / DAY), hours = Math.floor((whole % DAY) / HOUR);
  return hours && days < 3 ? `${days} d ${hours} h` : `${days} d`;
}

function up(seconds) {
  return seconds > MINUTE ? Math.ceil(seconds / MINUTE) * MINUTE : seconds;
}

// Milliseconds since 1970 in, {urgency, text} out; text is empty where only the server knows the words (a weekday).
export function chip(due, now) {
  const left = (due - now) / 1000;
  if (left < 0) return { urgency: "late", text: `${span(-left)} late` };
  const text = `in ${span(up(left))}`;
  if (left < 15 * MINUTE) return { urgency: "now", text };
  if (left < 30 * MINUTE) return { urgency: "close", text };
  if (left < 2 * HOUR) return { urgency: "soon", text };
  return { urgency: "far", text: left < 12 * HOUR ? text : "" };
}

export function hourOf(instant, zone) {
  return new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone }).format(instant);
}

// en-GB writes "Sept"; the server writes "Sep". One word each.
export function dayAndHour(instant, zone) {
  const parts = new Intl.DateTimeFormat("en-GB", {
    weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", timeZone: zone,
  }).formatToParts(instant);
  const get = (type) => parts.find((part) => part.type === type)?.value ?? "";
  return `${get("weekday")} ${get("day")} ${get("month").slice(0, 3)}, ${get("hour")}:${get("minute")}`;
}
