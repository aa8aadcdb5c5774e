// Draws the charts, sorts the table of hubs, and brings in new figures each minute without a flicker. Without it the
// page still has every figure, in its tables.
"use strict";

const REFRESH_MS = 60_000;
const CONFIG = { displayModeBar: false, showTips: false };
const NARROW_PX = 520;

// A chart names its colours as custom properties of the style sheet ("--entries"): put in the values now in force.
function coloured(value, style) {
  if (typeof value === "string" && value.startsWith("--")) return style.getPropertyValue(value).trim();
  if (Array.isArray(value)) return value.map((item) => coloured(item, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, coloured(item, style)]));
  }
  return value;
}

function draw() {
  if (!window.Plotly) return;
  for (const source of document.querySelectorAll("script[data-figure]")) drawOne(source);
}

function drawOne(source) {
  const plot = document.getElementById(source.dataset.figure);
  const style = getComputedStyle(document.documentElement);
  const figure = coloured(JSON.parse(source.textContent), style);
  figure.layout.font.family = getComputedStyle(document.body).fontFamily;
  figure.layout.width = plot.clientWidth;
  figure.layout.height = plot.clientHeight;
  if (plot.clientWidth < NARROW_PX) narrow(figure.layout);
  Plotly.react(plot, figure.data, figure.layout, CONFIG);
  widths.observe(plot);
}

const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    if (target.layout && target.clientWidth && target.layout.width !== target.clientWidth) {
      drawOne(document.querySelector(`script[data-figure="${target.id}"]`));
    }
  }
});

// On a phone every other week is named.
function narrow(layout) {
  const axis = layout.xaxis;
  axis.ticktext = axis.ticktext.map((text, week) => (week % 2 === 0 ? text : ""));
}

const order = { by: null, down: false };

function sortBy(key, down) {
  order.by = key;
  order.down = down;
  const table = document.getElementById("hubs");
  if (!table) return;
  const body = table.tBodies[0];
  const sign = down ? -1 : 1;
  const compare =
    key === "name"
      ? (a, b) => a.dataset.name.localeCompare(b.dataset.name)
      : (a, b) => Number(a.dataset[key]) - Number(b.dataset[key]);
  body.append(...[...body.rows].sort((a, b) => sign * compare(a, b)));
  for (const button of table.querySelectorAll("button[data-sort]")) {
    const direction = button.dataset.sort === key ? (down ? "descending" : "ascending") : "none";
    button.closest("th").setAttribute("aria-sort", direction);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sort]");
  if (!button) return;
  const key = button.dataset.sort;
  sortBy(key, order.by === key ? !order.down : key !== "name");
});

async function refresh() {
  if (document.hidden) return;
  const status = document.getElementById("refresh");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    bringIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    status.textContent = "not refreshed: the board can't be reached, or can't read its store; figures are of the time shown";
    status.classList.add("stale");
  }
}

// The new page's figures take the place of the old ones. Charts are kept and redrawn with the new data; what a reader
// has opened, sorted or focused stays as it is.
function bringIn(fresh) {
  const now = document.getElementById("main");
  const next = document.adoptNode(fresh.getElementById("main"));
  const focused = document.activeElement && now.contains(document.activeElement) ? path(document.activeElement, now) : null;
  for (const plot of next.querySelectorAll(".plot")) {
    const old = document.getElementById(plot.id);
    if (old) {
      old.setAttribute("aria-label", plot.getAttribute("aria-label"));
      plot.replaceWith(old);
    }
  }
  for (const opened of now.querySelectorAll("details[open][id]")) {
    next.querySelector(`#${opened.id}`)?.setAttribute("open", "");
  }
  now.replaceChildren(...next.childNodes);
  document.querySelector(".top").replaceWith(document.adoptNode(fresh.querySelector(".top")));
  if (order.by) sortBy(order.by, order.down);
  if (focused) focused.reduce((at, index) => at?.children[index], now)?.focus({ preventScroll: true });
  draw();
}

function path(element, root) {
  const steps = [];
  for (let at = element; at !== root; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

draw();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
matchMedia("print").addEventListener("change", draw);
document.addEventListener("visibilitychange", refresh);
setInterval(refresh, REFRESH_MS);
