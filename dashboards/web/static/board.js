// Shows values under the pointer, sorts and narrows the table of hubs, and brings in new figures each minute without a flicker.
// Without it the page still has every figure and chart.
"use strict";

const REFRESH_MS = 60_000;

// The words of the slot under the pointer, at once and beside it; without this the browser shows them as its own title.
function showTip(slot) {
  const plot = slot.closest(".plot");
  const tip = plot.querySelector(".tip") || plot.appendChild(Object.assign(document.createElement("div"), { className: "tip" }));
  const title = slot.querySelector("title");
  if (title) {
    slot.dataset.words = title.textContent;
    title.remove();
  }
  const [heading, ...lines] = slot.dataset.words.split("\n");
  tip.replaceChildren(Object.assign(document.createElement("strong"), { textContent: heading }), ["", ...lines].join("\n"));
  const area = plot.getBoundingClientRect();
  const at = slot.getBoundingClientRect();
  const left = at.right - area.left + 6;
  const fits = left + tip.offsetWidth <= area.width;
  tip.style.left = `${fits ? left : Math.max(0, at.left - area.left - tip.offsetWidth - 6)}px`;
}

document.addEventListener("pointerover", (event) => {
  const slot = event.target.closest?.(".slot");
  for (const tip of document.querySelectorAll(".tip")) if (!slot || !tip.parentElement.contains(slot)) tip.remove();
  if (slot) showTip(slot);
});

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
  for (const link of table.querySelectorAll("a[data-sort]")) {
    const head = link.closest("th");
    if (link.dataset.sort === key) head.setAttribute("aria-sort", down ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-sort]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const key = link.dataset.sort;
  sortBy(key, order.by === key ? !order.down : key !== "name");
});

// Leaves the rows that have what is typed in their name; without this, the form asks the board for them.
function narrow(field) {
  const typed = field.value.trim().toLocaleLowerCase();
  for (const id of field.dataset.narrows.split(" ")) {
    for (const row of document.getElementById(id)?.tBodies[0].rows ?? []) {
      const name = row.cells[0].querySelector("a")?.textContent ?? "";
      row.hidden = !`${name}\n${row.dataset.hub ?? ""}`.toLocaleLowerCase().includes(typed);
    }
  }
}

document.addEventListener("input", (event) => {
  if (event.target.dataset?.narrows) narrow(event.target);
});

async function refresh() {
  // What somebody is writing stays: the page is brought in once it is sent or left empty.
  const written = [...document.getElementById("main").querySelectorAll("input:not([type=hidden])")].some((field) => field.value !== field.defaultValue);
  if (document.hidden || written) return;
  const status = document.getElementById("refresh");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) });
    if (!answer.ok) throw new Error(String(answer.status));
    bringIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    status.textContent = status.dataset.trouble;
    status.classList.add("stale");
  }
}

// The new page's figures take the place of the old ones; what a reader has opened, sorted or focused stays as it is.
function bringIn(fresh) {
  const now = document.getElementById("main");
  const next = document.adoptNode(fresh.getElementById("main"));
  const focused = document.activeElement && now.contains(document.activeElement) ? path(document.activeElement, now) : null;
  for (const opened of now.querySelectorAll("details[open][id]")) {
    next.querySelector(`#${opened.id}`)?.setAttribute("open", "");
  }
  const scrolled = [...now.querySelectorAll(".scroll")].map((area) => area.scrollLeft);
  for (const field of now.querySelectorAll("input[id]")) {
    const fresher = next.querySelector(`#${field.id}`);
    if (fresher) fresher.value = field.value;
  }
  now.replaceChildren(...next.childNodes);
  now.querySelectorAll(".scroll").forEach((area, place) => { area.scrollLeft = scrolled[place] ?? 0; });
  for (const field of now.querySelectorAll("input[data-narrows]")) if (field.value !== field.defaultValue) narrow(field);
  document.querySelector(".top").replaceWith(document.adoptNode(fresh.querySelector(".top")));
  if (order.by) sortBy(order.by, order.down);
  if (focused) focused.reduce((at, index) => at?.children[index], now)?.focus({ preventScroll: true });
}

function path(element, root) {
  const steps = [];
  for (let at = element; at !== root; at = at.parentElement) steps.unshift([...at.parentElement.children].indexOf(at));
  return steps;
}

document.addEventListener("visibilitychange", refresh);
setInterval(refresh, REFRESH_MS);
