// The server's still pictures become charts with one shared cursor. Without this file the pictures stay.
import { zone } from "./clock.js";
import { amount } from "./figures.js";
import { canLook, lookAt, moveBy, zoomBy } from "./looks.js";

const HEIGHT = 122;
const TALL = 176; // one or two charts have the room to themselves
let drawn = [];
let uPlot = null;

export async function drawCharts() {
  if (!document.querySelector("[data-chart-data]")) return;
  try {
    ({ default: uPlot } = await import("../vendor/uPlot.esm.js"));
  } catch {
    return; // the library was not brought: the still pictures say the same
  }
  redraw();
  document.addEventListener("vigie:theme", redraw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  document.addEventListener("vigie:fresh", redraw);
  let timer = 0;
  addEventListener("resize", () => {
    clearTimeout(timer);
    timer = setTimeout(() => drawn.forEach(({ chart, holder }) => chart.setSize({ width: holder.clientWidth, height: chart.height })), 100);
  });
}

function redraw() {
  const holder = document.querySelector("[data-chart-data]");
  drawn.forEach(({ chart }) => chart.destroy());
  drawn = [];
  if (!holder) return;
  const data = JSON.parse(holder.textContent);
  const ink = colours();
  const sync = uPlot.sync("vigie");
  document.querySelectorAll("figure[data-chart]").forEach((figure, index) => {
    const series = data.series[Number(figure.dataset.chart)];
    if (!series) return;
    const into = figure.querySelector(".drawn");
    into.replaceChildren();
    const chart = new uPlot(options(series, data, ink, sync, into.clientWidth, figure), columns(series, data), into);
    drawn.push({ chart, holder: into, index });
  });
}

function columns(series, data) {
  const spread = (value) => (Array.isArray(value) ? value : data.at.map(() => value));
  const band = isBanded(series) ? [spread(series.high), spread(series.low)] : [];
  const reach = series.reach ? [series.reach[1], series.reach[0]] : [];
  return [data.at, ...band, ...reach, series.observed]; // last, so that the line lies over the band
}

const isBanded = (series) => series.low !== null && series.high !== null;

function options(series, data, ink, sync, width, figure) {
  const said = figure.querySelector("output");
  const resting = said?.textContent || "";
  const banded = isBanded(series);
  const few = data.series.length < 3 && figure.closest('[data-charts="stack"]');
  const edge = { stroke: "transparent", width: 0, points: { show: false } };
  const first = banded ? 3 : 1; // where the series of the reach begin
  const bands = [
    ...(banded ? [{ series: [1, 2], fill: ink.band }] : []),
    ...(series.reach ? [{ series: [first, first + 1], fill: ink.reach }] : []),
  ];
  return {
    width, height: few ? TALL : HEIGHT, tzDate: (at) => uPlot.tzDate(new Date(at * 1000), zone),
    legend: { show: false }, padding: [8, 16, 0, 0],
    cursor: { sync: { key: sync.key }, drag: { x: true, y: false, setScale: !canLook(figure) }, bind: canLook(figure) ? moving() : {}, points: { size: 7, width: 1.6, stroke: ink.sea, fill: ink.paper } },
    scales: { x: { min: data.start, max: data.end }, y: { range: (_, low, high) => bounds(...reaching(series, low, high)) } },
    axes: [
      { stroke: ink.faint, font: ink.font, grid: { show: false }, ticks: { stroke: ink.rule2, size: 4, width: 1 }, size: 22, gap: 3,
        values: [[86400, "{D} {MMM}", null, null, null, null, null, null, 1], [60, "{HH}:{mm}", null, null, null, null, null, null, 1], [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 1]] },
      { stroke: ink.faint, font: ink.font, grid: { stroke: ink.rule, width: 1 }, ticks: { show: false }, size: 40, gap: 4, space: 22,
        values: (_, ticks) => ticks.map((tick) => amount(tick)) },
    ],
    series: [{}, ...(banded ? [edge, edge] : []), ...(series.reach ? [edge, edge] : []), told(series, data, ink)],
    bands,
    hooks: {
      drawClear: [(chart) => backdrop(chart, data, ink, series)],
      draw: [(chart) => uprights(chart, data.changes || [], ink)], // over the band, which would hide them
      setSelect: [(chart) => chosen(chart, figure)],
      setCursor: [(chart) => speak(chart, series, said, resting)],
    },
  };
}

// What is told more rarely than the machine reports is one line all the same, until it stays away by its own rhythm;
// what stands alone is a dot.
function told(series, data, ink) {
  const known = data.at.map((at, index) => [at, index]).filter(([, index]) => series.observed[index] !== null);
  const far = (one, other) => !one || !other || Math.abs(one[0] - other[0]) > series.gap;
  const lone = known.filter((one, place) => far(known[place - 1], one) && far(one, known[place + 1])).map(([, index]) => index);
  return {
    stroke: ink.sea, width: 1.6, spanGaps: false,
    points: { show: false, size: 4, width: 0, fill: ink.sea, filter: () => (lone.length ? lone : null) },
    gaps: (chart, _series, _from, _to, holes) => holes.filter(([from, to]) => chart.posToVal(to, "x", true) - chart.posToVal(from, "x", true) > series.gap),
  };
}

// A limit is part of the picture: how far off it is, is what one wants to see.
function reaching(series, low, high) {
  const more = [series.limit, series.ahead?.soonest[0][1]].filter((value) => typeof value === "number");
  if (low === null || high === null || !more.length) return [low, high];
  return [Math.min(low, ...more), Math.max(high, ...more)];
}

function bounds(low, high) {
  if (low === null || high === null) return [0, 1];
  const reach = high - low || Math.max(Math.abs(high), 1) * 0.2;
  return [low >= 0 && low < reach * 0.6 ? 0 : low - reach * 0.12, high + reach * 0.12];
}

// What was drawn over with the mouse is looked at closer: the server has more of it than stands here.
function chosen(chart, figure) {
  if (!canLook(figure) || chart.select.width < 4) return;
  lookAt(chart.posToVal(chart.select.left, "x"), chart.posToVal(chart.select.left + chart.select.width, "x"));
}

// With Shift held the mouse moves along, and its wheel looks closer or wider.
function moving() {
  return {
    mousedown: (chart, target, handle) => (event) => {
      if (!event.shiftKey || event.button !== 0) return handle(event);
      event.preventDefault();
      const { min, max } = chart.scales.x;
      const perPixel = (max - min) / chart.over.clientWidth;
      const drag = (move) => chart.setScale("x", { min: min - (move.clientX - event.clientX) * perPixel, max: max - (move.clientX - event.clientX) * perPixel });
      const drop = (up) => {
        removeEventListener("mousemove", drag);
        removeEventListener("mouseup", drop);
        if (Math.abs(up.clientX - event.clientX) > 3) moveBy(-(up.clientX - event.clientX) * perPixel);
      };
      addEventListener("mousemove", drag);
      addEventListener("mouseup", drop);
      return null;
    },
    dblclick: () => () => zoomBy(2),
  };
}

function backdrop(chart, data, ink, series) {
  const { ctx, bbox } = chart;
  const x = (at) => Math.min(bbox.left + bbox.width, Math.max(bbox.left, chart.valToPos(at, "x", true)));
  ctx.save();
  for (const [from, to] of [...(data.lit ? [data.lit] : []), ...(series.found || [])]) {
    const left = x(from), right = Math.max(x(to), left + 2);
    ctx.fillStyle = ink.beam;
    ctx.fillRect(left, bbox.top, right - left, bbox.height);
    ctx.fillStyle = ink.lamp;
    ctx.fillRect(left, bbox.top - 3 * devicePixelRatio, right - left, 3 * devicePixelRatio);
  }
  ctx.globalAlpha = 0.55;
  for (const [from, to] of data.worked || []) {
    ctx.fillStyle = ink.rule;
    ctx.fillRect(x(from), bbox.top, Math.max(x(to) - x(from), 2), bbox.height);
  }
  ctx.globalAlpha = 1;
  hatch(ctx, data, x, bbox, ink);
  foretold(chart, ctx, series, ink, bbox);
  if (data.now) {
    ctx.fillStyle = ink.ink;
    ctx.fillRect(Math.round(x(data.now)), bbox.top, devicePixelRatio, bbox.height);
  }
  ctx.restore();
}

// Where something was changed on the machine: a release, another version, a restart.
function uprights(chart, changes, ink) {
  const { ctx, bbox, scales } = chart;
  ctx.save();
  ctx.strokeStyle = ink.ink;
  ctx.lineWidth = devicePixelRatio;
  ctx.setLineDash([2 * devicePixelRatio, 2 * devicePixelRatio]);
  for (const at of changes.filter((one) => one >= scales.x.min && one <= scales.x.max)) {
    const x = Math.round(chart.valToPos(at, "x", true)) + 0.5;
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

// Dashes have not happened yet: the cone between the earliest and the latest, the likely course, and the limit.
function foretold(chart, ctx, series, ink, bbox) {
  const place = ([at, value]) => [chart.valToPos(at, "x", true), chart.valToPos(value, "y", true)];
  const follow = (course) => {
    ctx.beginPath();
    course.map(place).forEach(([x, y], index) => (index ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  };
  const unit = devicePixelRatio;
  if (series.ahead) {
    const { soonest, latest, likely } = series.ahead;
    ctx.fillStyle = ink.band;
    ctx.strokeStyle = ink.sea;
    follow([...soonest, ...latest.toReversed()]);
    ctx.fill();
    ctx.lineWidth = unit;
    ctx.setLineDash([2 * unit, 3 * unit]);
    ctx.stroke();
    follow(likely);
    ctx.lineWidth = 1.6 * unit;
    ctx.setLineDash([4 * unit, 3 * unit]);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (typeof series.limit === "number") {
    const y = Math.round(chart.valToPos(series.limit, "y", true));
    ctx.fillStyle = ink.ink;
    ctx.fillRect(bbox.left, y, bbox.width, unit);
    ctx.font = ink.font.replace("11px", `${11 * unit}px`);
    ctx.fillText(`limit ${amount(series.limit)}`, bbox.left + 4 * unit, y + (y - bbox.top > 16 * unit ? -4 : 13) * unit);
  }
}

// Where nothing was heard the sheet is hatched, never drawn as a line.
function hatch(ctx, data, x, bbox, ink) {
  const at = data.now && data.at.length ? [...data.at, data.now] : data.at;
  const holes = [];
  for (let index = 1; index < at.length; index += 1) {
    const [before, after] = [at[index - 1], at[index]];
    // The server puts one empty instant into each hole: two halves make one hatch.
    if (after - before > data.gap / 2 && after - before > 75) {
      const last = holes.at(-1);
      if (last && last[1] === before) last[1] = after;
      else holes.push([before, after]);
    }
  }
  ctx.strokeStyle = ink.hatch;
  ctx.lineWidth = devicePixelRatio;
  for (const [from, to] of holes.filter(([from, to]) => to - from > data.gap)) {
    const left = x(from), right = x(to);
    ctx.save();
    ctx.beginPath();
    ctx.rect(left, bbox.top, right - left, bbox.height);
    ctx.clip();
    ctx.beginPath();
    for (let place = left - bbox.height; place < right; place += 4 * devicePixelRatio) {
      ctx.moveTo(place, bbox.top + bbox.height);
      ctx.lineTo(place + bbox.height, bbox.top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

function speak(chart, series, said, resting) {
  if (!said) return;
  const at = chart.cursor.idx;
  const value = at === null || at === undefined ? null : chart.data.at(-1)[at];
  if (chart.cursor.left < 0 || value === null || value === undefined) {
    said.textContent = resting;
    return;
  }
  const { min, max } = chart.scales.x;
  const day = max - min > 86400 ? { day: "numeric", month: "short" } : {};
  const when = new Intl.DateTimeFormat("en-GB", { ...day, hour: "2-digit", minute: "2-digit", timeZone: zone }).format(chart.data[0][at] * 1000);
  const pick = (edge) => (Array.isArray(edge) ? edge[at] : edge);
  const expected = series.low === null ? "" : `; expected ${amount(pick(series.low))} to ${amount(pick(series.high))}`;
  said.textContent = `${amount(value)} at ${when}${expected}`;
}

function colours() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    sea: get("sea"), band: get("band"), reach: `color-mix(in srgb, ${get("sea")} 18%, transparent)`, paper: get("paper"), rule: get("rule"), rule2: get("rule-2"), faint: get("ink-3"),
    ink: get("ink"), beam: get("beam"), lamp: get("lamp"), hatch: get("hatch"), font: `11px ${getComputedStyle(document.body).fontFamily}`,
  };
}
