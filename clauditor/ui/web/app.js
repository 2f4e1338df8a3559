// Puts the parts together: which screen is shown, what was chosen, what keys do.

import { redraw } from "./charts.js";
import { Detail } from "./detail.js";
import { Headline } from "./headline.js";
import { History } from "./history.js";
import { letIn } from "./key.js";
import { Limits } from "./limits.js";
import { Stream } from "./stream.js";
import { Table } from "./table.js";
import { element, fill, pieces, prune, setClock, tick } from "./text.js";

const VIEWS = ["attention", "cost", "context", "cache", "limit"];
const SORTS = ["attention", "name", "cost", "context", "cache", "limit", "age"];
const SCREENS = ["live", "history", "limits", "session"];
const KEYS = [
  ["j k ↓ ↑", "move"], ["Enter", "all about the session"], ["n", "next that needs you"], ["m", "mute, or let it ask again"],
  ["/", "find: state: project: model: signal:"], ["v", "other view"], ["s", "other order"], ["e", "unfold idle and scripted ones"],
  ["p", "post-mortem"], ["← → 1-6", "other tab (of a session)"], ["Esc", "back"], ["?", "this"],
];
const AT_IT_MS = 15_000;
const SAID_MS = 8000;
const at = (id) => document.getElementById(id);
const choices = { view: "attention", sort: "", find: "", unfold: "0" };
const headline = new Headline();
let screen = "live", cameFrom = "live"; // the screen a session was opened from
let skew = 0, heardAt = null, isHeard = false, isLocked = false;

setClock(() => (isHeard || heardAt === null ? Date.now() / 1000 + skew : heardAt));

const table = new Table(at("table"), { chosen: (id) => beside.show(id), opened: (id) => open(id) });
const about = { opened: (id, report) => open(id, report), back, failed: say, locked };
const beside = new Detail(at("detail"), false, about);
const whole = new Detail(at("session"), true, about);
const history_ = new History(at("history"), { opened: (id) => open(id), locked });
const limits = new Limits(at("limits"), { locked });
const stream = new Stream({ news, lost, rests, locked });

function news(message, isFirst) {
  skew = message.at - Date.now() / 1000;
  heardAt = message.at;
  if (!isHeard) { isHeard = true; headline.notice(""); }
  if (message.header || isFirst) {
    headline.show(message.header, (needs) => `${needs} ${needs === 1 ? "session needs" : "sessions need"} you`);
    const empty = message.header.empty;
    at("live").classList.toggle("empty", empty.length > 0);
    if (empty.length) { fill(at("folded"), empty, () => empty.map((line) => element("span", { class: "line" }, ...pieces(line)))); beside.clear(); }
  }
  table.update(message, isFirst);
  if (message.order && !at("live").classList.contains("empty")) {
    const { folded, nothing } = message.order;
    fill(at("folded"), [folded, nothing], () => [...nothing.map((line) => element("span", { class: "line" }, ...pieces(line))), ...pieces(folded)]);
    if (table.count === 0) beside.clear();
  }
  const changed = new Set((message.rows ?? []).map((row) => row.id));
  if (screen === "live" && changed.has(beside.id)) beside.changed();
  if (screen === "session" && changed.has(whole.id)) whole.changed();
}

// `sentence`: why, where the sidecar said it.
function lost(sentence) {
  isHeard = false;
  const time = heardAt === null ? "" : new Date(heardAt * 1000).toLocaleTimeString("en-GB");
  headline.notice(sentence || (time ? `silent since ${time}, asks again; see: clauditor status` : "connecting"));
}

// Out of sight, and not the tab that listens: its title should not count what it does not hear of.
function rests() {
  isHeard = false;
  if (!isLocked) document.title = "clauditor";
}

function locked() {
  isLocked = true;
  isHeard = false;
  headline.notice("This page needs a new key. Run: clauditor web");
}

let unsay = null;

// For eyes and for screen readers.
function say(sentence) {
  at("said").textContent = at("told").textContent = sentence;
  at("told").hidden = false;
  clearTimeout(unsay);
  unsay = setTimeout(() => { at("told").hidden = true; }, SAID_MS);
}

function choose(change) {
  Object.assign(choices, change);
  for (const button of at("views").children) button.setAttribute("aria-pressed", String(button.dataset.view === choices.view));
  at("sort").value = choices.sort;
  at("unfold").setAttribute("aria-pressed", String(choices.unfold === "1"));
  at("unfold").textContent = choices.unfold === "1" ? "fold" : "unfold";
  sessionStorage.setItem("clauditor-choices", JSON.stringify(choices));
  if (isLocked) return;
  stream.open(Object.fromEntries(Object.entries(choices).filter(([, value]) => value !== "")));
}

function open(id, report = false) {
  location.hash = `session=${encodeURIComponent(id)}`;
  show();
  if (report) whole.report();
}

function back() {
  if (!whole.leaveReport()) location.hash = cameFrom;
}

function decoded(text) {
  try { return decodeURIComponent(text); } catch { return null; }
}

function show() {
  const asked = location.hash.slice(1) || "live";
  const id = asked.startsWith("session=") ? decoded(asked.slice(8)) : null;
  const before = screen;
  screen = id !== null ? "session" : SCREENS.includes(asked) && asked !== "session" ? asked : "live";
  if (before !== "session") cameFrom = before;
  for (const name of SCREENS) at(name).hidden = name !== screen;
  for (const link of document.querySelectorAll("[data-screen]")) {
    if (link.dataset.screen === screen) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (isLocked) return;
  if (id !== null && (id !== whole.id || before !== "session" || whole.isReport)) whole.show(id);
  if (screen === "history") history_.show();
  if (screen === "limits") limits.show();
  if (screen === "live") beside.changed();
}

const next = (all, one) => all[(all.indexOf(one) + 1) % all.length];
const ON_LIVE = {
  j: () => table.move(1), ArrowDown: () => table.move(1), k: () => table.move(-1), ArrowUp: () => table.move(-1),
  Enter: () => table.selected && open(table.selected),
  n: () => table.nextInNeed() || say("No session needs you."),
  v: () => choose({ view: next(VIEWS, choices.view), sort: "" }),
  s: () => choose({ sort: next(SORTS, choices.sort || (choices.view === "attention" ? "attention" : choices.view)) }),
  e: () => choose({ unfold: choices.unfold === "1" ? "0" : "1" }),
  Escape: () => { at("find").value = ""; choose({ find: "" }); },
};
const ON_SESSION = {
  Escape: back,
  ArrowRight: () => whole.turn(1), ArrowLeft: () => whole.turn(-1), l: () => whole.turn(1), h: () => whole.turn(-1),
};
const ANYWHERE = {
  "?": () => at("keys").showModal(),
  "/": () => (screen === "history" ? history_.focus() : (location.hash = "live", at("find").focus())),
};
const ON_EITHER = {
  m: () => (screen === "session" ? whole.mute() : beside.mute(table.row(table.selected) ?? null)),
  p: () => (screen === "session" ? whole.report() : table.selected && open(table.selected, true)),
};

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || at("keys").open) return;
  const field = event.target.closest("input, select");
  if (field) {
    if (event.key === "Escape" || (event.key === "Enter" && field.type === "search")) field.blur();
    if (event.key !== "Escape") return;
  }
  if (event.target.closest("button, a") && event.key === "Enter") return;
  table.touched();
  const number = screen === "session" && /^[1-6]$/.test(event.key) ? Number(event.key) : 0;
  const deed = number ? () => whole.show(whole.id, ["overview", "timeline", "agents", "tools", "cache", "attempts"][number - 1])
    : { ...ANYWHERE, ...(screen === "live" ? { ...ON_LIVE, ...ON_EITHER } : {}), ...(screen === "session" ? { ...ON_SESSION, ...ON_EITHER } : {}),
      ...(screen === "history" || screen === "limits" ? { Escape: () => (location.hash = "live") } : {}) }[event.key];
  if (deed === undefined) return;
  event.preventDefault();
  deed();
});

function setUp() {
  try { Object.assign(choices, JSON.parse(sessionStorage.getItem("clauditor-choices") ?? "{}"), { find: "" }); } catch { /* as it is by itself */ }
  at("views").append(...VIEWS.map((view) => {
    const button = element("button", { type: "button" }, view);
    button.dataset.view = view;
    button.addEventListener("click", () => choose({ view, sort: "" }));
    return button;
  }));
  at("sort").append(element("option", { value: "" }, "as the view"), ...SORTS.map((sort) => element("option", { value: sort }, sort)));
  at("sort").addEventListener("change", () => choose({ sort: at("sort").value }));
  let timer = null;
  at("find").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => choose({ find: at("find").value.trim() }), 150); });
  at("unfold").addEventListener("click", ON_LIVE.e);
  at("theme").addEventListener("click", turnTheme);
  at("help").addEventListener("click", ANYWHERE["?"]);
  const close = element("button", { type: "button" }, "close");
  close.addEventListener("click", () => at("keys").close());
  at("keys").append(element("h2", {}, "keys"), element("dl", { class: "facts" },
    ...KEYS.flatMap(([key, what]) => [element("dt", {}, key), element("dd", {}, what)])), close);
  addEventListener("hashchange", arrived);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  keepTime();
}

// Spans tick every second while somebody is at the page, else every five: an open page should cost next to nothing.
function keepTime() {
  let touchedAt = performance.now(), seconds = 0;
  const touched = () => { touchedAt = performance.now(); };
  for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "focus"]) addEventListener(kind, touched, { passive: true });
  setInterval(() => {
    seconds += 1;
    const isDue = performance.now() - touchedAt < AT_IT_MS || seconds % 5 === 0;
    if (screen !== "live" || document.visibilityState !== "visible") prune();
    else if (isDue) tick(table.unseen);
  }, 1000);
}

function turnTheme() {
  const root = document.documentElement;
  const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = isDark ? "light" : "dark";
  localStorage.setItem("clauditor-theme", root.dataset.theme);
  redraw();
}

// `clauditor web` may open its address in a tab that shows the page already.
async function arrived() {
  if (!location.hash.startsWith("#code=")) return show();
  await begin();
}

async function begin() {
  isHeard = false;
  headline.notice("connecting");
  const problem = await letIn();
  isLocked = problem !== "";
  show();
  headline.notice(problem || "connecting");
  choose({});
}

setUp();
begin();
