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
  // What is not known has no such attribute, and is last either way.
  const isUnknown = (row) => !(key in row.dataset);
  body.append(...[...body.rows].sort((a, b) => isUnknown(a) - isUnknown(b) || (isUnknown(a) ? 0 : sign * compare(a, b))));
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
  if (document.hidden) return;
  const status = document.getElementById("refresh");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(20_000) });
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    bringIn(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    status.textContent = status.dataset.trouble;
    status.classList.add("stale");
  }
}

// The new page's figures take the place of the old ones; what a reader has opened, typed, chosen, sorted or focused stays.
function bringIn(fresh) {
  const focused = document.activeElement;
  for (const part of [".top", "#main"]) renew(document.querySelector(part), fresh.querySelector(part));
  for (const field of document.querySelectorAll("input[data-narrows]")) if (isWritten(field)) narrow(field);
  if (order.by) sortBy(order.by, order.down);
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

const isWritten = (field) => field.type !== "hidden" && field.value !== field.defaultValue;

// By what a node is known again in a fresh page; undefined for what has nothing but its place.
function keyOf(node) {
  if (node.nodeType !== Node.ELEMENT_NODE) return undefined;
  const names = ["id", "data-hub", "aria-labelledby", "aria-label", "href"].map((name) => node.getAttribute(name));
  if (node.matches("tr, li")) names.push(node.querySelector("a")?.getAttribute("href"), node.cells?.[0]?.textContent);
  return names.find(Boolean);
}

// Makes a node what a fresh one is, in place: the nodes that both have are kept, and with them what a reader did to them.
function renew(now, fresh) {
  if (now.isEqualNode(fresh)) return;
  if (now.nodeType !== Node.ELEMENT_NODE) {
    now.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...now.attributes]) if (name !== "open" && !fresh.hasAttribute(name)) now.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (now.getAttribute(name) !== value) now.setAttribute(name, value);
  const left = [...now.childNodes];
  const children = [...fresh.childNodes].map((child) => {
    const place = left.findIndex((it) => it.nodeName === child.nodeName && keyOf(it) === keyOf(child));
    if (place < 0) return child;
    const [kept] = left.splice(place, 1);
    renew(kept, child);
    return kept;
  });
  // What is gone goes, but not while somebody writes in it.
  const staying = left.filter((it) => [...(it.querySelectorAll?.("input, textarea") ?? [])].some(isWritten));
  for (const it of left) if (!staying.includes(it)) it.remove();
  let place = now.firstChild;
  for (const child of children) {
    while (staying.includes(place)) place = place.nextSibling;
    if (child === place) place = place.nextSibling;
    else now.insertBefore(child, place);
  }
}

document.addEventListener("visibilitychange", refresh);
setInterval(refresh, REFRESH_MS);
