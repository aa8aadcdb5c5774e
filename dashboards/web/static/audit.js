// Counts people by presses, with or without a network: each press gets a time and an id here, is kept by the browser, and
// is sent when the board can be reached. The board keeps an id once, so that to send again does no harm.
"use strict";

const RETRY_MS = 5_000;
const UNDO_MAX = 200;
const page = document.getElementById("main");
const key = `hubpulse-audit-${page.dataset.audit}`;
const target = Number(page.dataset.target);
const words = JSON.parse(page.dataset.words); // what is said, in the page's language
const byId = (id) => document.getElementById(id);

// What the board has, as it last said; and what it has not, with the presses of this phone that can be taken back.
let board = {
  entries: Number(page.dataset.entries),
  exits: Number(page.dataset.exits),
  counting: page.dataset.counting === "true",
};
const kept = { unsent: [], undoable: [], ...load() };
let trouble = "";
let sending = false;

const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

function load() {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}");
  } catch {
    return {};
  }
}

function save() {
  try {
    localStorage.setItem(key, JSON.stringify(kept));
  } catch {
    trouble = words.keepsNothing;
  }
}

function freshId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function press(what, undone = null) {
  const made = { id: freshId(), what, time_ms: Date.now() };
  if (undone) Object.assign(made, { undoes: undone.id });
  kept.unsent.push(undone ? { ...made, undone: undone.what } : made);
  if (what === "in" || what === "out") kept.undoable = [...kept.undoable, { id: made.id, what }].slice(-UNDO_MAX);
  save();
  show();
  send();
}

// What the counts are once all that is kept here has reached the board.
function shown() {
  const now = { ...board };
  const change = { in: ["entries", 1], out: ["exits", 1] };
  for (const { what, undone } of kept.unsent) {
    const [name, step] = change[undone ?? what] ?? [];
    if (name) now[name] += undone ? -step : step;
    if (what === "start" || what === "stop") now.counting = what === "start";
  }
  return now;
}

function show() {
  const now = shown();
  byId("entries").textContent = now.entries;
  byId("exits").textContent = now.exits;
  byId("goal").textContent = fill(words.goal, { people: now.entries, target });
  byId("progress").value = now.entries;
  byId("in").disabled = byId("out").disabled = !now.counting;
  const last = kept.undoable.at(-1);
  byId("undo").disabled = !now.counting || !last;
  byId("undo").textContent = last ? (last.what === "in" ? words.undoIn : words.undoOut) : words.undo;
  byId("run").textContent = now.counting ? words.stop : words.start;
  byId("sent").textContent = kept.unsent.length ? fill(words.notSent, { presses: kept.unsent.length }) : words.allSent;
  byId("sent").classList.toggle("waits", kept.unsent.length > 0);
  byId("note").textContent = trouble || advice(now);
  byId("note").classList.toggle("alarm", trouble !== "");
}

function advice({ entries, counting }) {
  if (entries >= target) return counting ? words.enoughStop : words.enough;
  if (counting) return words.counting;
  return entries ? words.stopped : words.begin;
}

async function send() {
  if (sending || !kept.unsent.length) return;
  sending = true;
  try {
    while (kept.unsent.length && (await sendSome())) show();
  } catch {
    setTimeout(send, RETRY_MS); // no network: what is kept is sent later
  } finally {
    sending = false;
    show();
  }
}

async function sendSome() {
  const some = kept.unsent.slice(0, Number(page.dataset.sentMax));
  const presses = some.map(({ undone, ...made }) => made);
  const answer = await fetch(`${location.pathname}/presses`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ sent_ms: Date.now(), presses }),
  });
  if (answer.ok) {
    board = await answer.json();
    const sent = new Set(some.map(({ id }) => id));
    kept.unsent = kept.unsent.filter(({ id }) => !sent.has(id));
    trouble = "";
    save();
    return true;
  }
  if (answer.status >= 500) throw new Error(`status ${answer.status}`);
  trouble =
    answer.status === 404
      ? words.gone
      : fill(words.notTaken, { why: (await answer.json()).error });
  return false;
}

function undo() {
  const last = kept.undoable.pop();
  if (last) press("undo", last);
}

const KEYS = { i: "in", arrowup: "in", o: "out", arrowdown: "out", u: "undo", backspace: "undo", s: "run" };

document.addEventListener("keydown", (event) => {
  const button = byId(KEYS[event.key.toLowerCase()]);
  if (!button || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  button.click();
});
byId("in").addEventListener("click", () => press("in"));
byId("out").addEventListener("click", () => press("out"));
byId("undo").addEventListener("click", undo);
byId("run").addEventListener("click", () => press(shown().counting ? "stop" : "start"));
window.addEventListener("online", send);
window.addEventListener("beforeunload", (event) => {
  if (kept.unsent.length) event.preventDefault();
});
show();
send();
