// One session: its facts, tabs and curves, and its post-mortem; beside the table, or on a screen of its own.

import { sessionCharts } from "./charts.js";
import { ask, LockedError, pathOf, send, sentenceOf } from "./key.js";
import { element, roleClass } from "./text.js";

export const TABS = ["overview", "timeline", "agents", "tools", "cache", "attempts"];
const AGAIN_MS = 1000; // read anew at most this often, and only when the session changed

export class Detail {
  #place;
  #isWhole;
  #told;
  #tab = "overview";
  #asked = 0;
  #readAt = 0;
  #timer = null;
  #said = "";
  id = null;
  shown = null;

  // `told`: { opened(id), back(), failed(sentence), locked() }; `isWhole`: it has the screen for itself.
  constructor(place, isWhole, told) {
    this.#place = place;
    this.#isWhole = isWhole;
    this.#told = told;
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.changed());
  }

  get isReport() { return this.shown?.sections !== undefined; }

  show(id, tab = "overview") {
    if (id !== this.id) this.#said = "";
    this.id = id;
    this.#tab = tab;
    this.shown = null;
    this.#read();
  }

  clear() {
    this.id = this.shown = null;
    this.#said = "";
    this.#place.replaceChildren();
  }

  // The session changed: read it anew, in a moment if it was just read.
  changed() {
    if (this.id === null || this.#timer !== null || this.isReport || this.#place.hidden) return;
    const pause = Math.max(0, this.#readAt + AGAIN_MS - performance.now());
    this.#timer = setTimeout(() => { this.#timer = null; this.#read(); }, pause);
  }

  // From its post-mortem to the tab before it; false where no post-mortem is shown.
  leaveReport() {
    if (!this.isReport) return false;
    this.show(this.id, this.#tab);
    return true;
  }

  turn(steps) {
    this.show(this.id, TABS[(TABS.indexOf(this.#tab) + steps + TABS.length) % TABS.length]);
  }

  // Mute it, or let it ask again; `known`: its row, which is there before all about it was read.
  async mute(known = this.shown) {
    if (known === null || this.isReport || !(known.muted || known.level !== "ok")) return;
    await this.#safely(() => send(pathOf(this.id, "/mute"), { muted: !known.muted }));
    this.#read();
  }

  async report() {
    const turn = ++this.#asked;
    const told = await this.#safely(() => ask(pathOf(this.id, "/postmortem")), turn);
    if (turn !== this.#asked || told === undefined) return;
    this.shown = told;
    this.#said = "";
    this.#place.replaceChildren(...reportNodes(told, this.#button("back", "back", () => this.#told.back())));
    this.#place.scrollTop = 0;
  }

  async #read() {
    if (this.id === null || document.visibilityState === "hidden") return;
    const turn = ++this.#asked;
    this.#readAt = performance.now();
    const told = await this.#safely(() => ask(pathOf(this.id), { tab: this.#tab }), turn);
    if (turn !== this.#asked || told === undefined) return;
    this.shown = told;
    const said = JSON.stringify(told);
    if (said === this.#said) return;
    this.#said = said;
    this.#draw();
  }

  // What the deed gives; where it fails, undefined, and why is said: in the place where the session is not shown yet.
  // `turn`: of which reading it is.
  async #safely(deed, turn = this.#asked) {
    try {
      return await deed();
    } catch (error) {
      if (error instanceof LockedError) this.#told.locked();
      else if (turn === this.#asked && this.shown === null) {
        this.#said = "";
        this.#place.replaceChildren(element("p", { class: "r-act" }, sentenceOf(error)));
      } else if (turn === this.#asked) this.#told.failed(sentenceOf(error));
      return undefined;
    }
  }

  #button(name, text, deed, more = {}) {
    const made = element("button", { type: "button", ...more }, text);
    made.dataset.name = name;
    made.addEventListener("click", deed);
    return made;
  }

  #draw() {
    const told = this.shown;
    const focused = this.#place.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    const button = this.#button;
    const deeds = element("div", { class: "deeds" },
      this.#isWhole ? button("back", "back", () => this.#told.back()) : null,
      told.can_mute ? button("mute", told.muted ? "unmute" : "mute", () => this.mute()) : null,
      button("report", "post-mortem", () => (this.#isWhole ? this.report() : this.#told.opened(this.id, true))),
      this.#isWhole ? null : button("more", "more", () => this.#told.opened(this.id)));
    const tabs = !this.#isWhole ? null : element("div", { class: "choices tabs", role: "group", "aria-label": "Of this session" },
      ...TABS.map((tab) => button(tab, tab, () => this.show(this.id, tab), { "aria-pressed": String(tab === told.tab) })));
    const mark = { act: "!! ", watch: "! " }[told.level] ?? "";
    this.#place.replaceChildren(
      element("header", { class: "title" },
        element("h2", {}, element("span", { class: roleClass(told.level) }, mark), told.name),
        element("p", { class: "r-dim" }, told.about + (told.is_live ? "" : ", no longer live")), deeds),
      ...(tabs ? [tabs] : []),
      ...(told.tab === "overview" ? overview(told) : [terminalLines(told.lines)]));
    if (focused) this.#place.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
}

function overview(told) {
  const facts = element("dl", { class: "facts" });
  for (const [tag, text, role] of told.facts) {
    facts.append(element("dt", {}, tag || "\u00a0"), element("dd", { class: roleClass(role) }, text));
  }
  return [element("div", { class: "overview" }, facts, told.curves ? sessionCharts(told.curves) : null)];
}

// Lines as the terminal has them; they scroll where there is less room.
function terminalLines(lines) {
  const place = element("pre", { class: "lines", tabindex: "0", "aria-label": "Calls" });
  for (const line of lines) {
    place.append(...line.map(([text, role]) => element("span", { class: roleClass(role) }, text)), "\n");
  }
  return place;
}

function reportNodes(report, back) {
  return [
    element("header", { class: "title" }, element("h2", {}, report.title), element("p", { class: "r-dim" }, report.about),
      element("div", { class: "deeds" }, back)),
    ...report.sections.map((section) => element("section", { class: "part" },
      section.title ? element("h3", {}, section.title) : null, sectionNode(section))),
  ];
}

function sectionNode(section) {
  switch (section.kind) {
    case "facts": {
      const list = element("dl", { class: "facts" });
      for (const [tag, text] of section.rows) list.append(element("dt", {}, tag), element("dd", {}, text));
      return list;
    }
    case "steps":
      return element("ol", { class: "steps" }, ...section.rows.map(([text, why]) =>
        element("li", {}, text, why ? element("p", { class: "r-dim" }, why) : null)));
    default:
      return plainTable(section);
  }
}

// A table of words; used by reports and by the history.
export function plainTable(section) {
  const side = (index) => ({ class: section.columns[index]?.align === "right" ? "right" : null });
  const head = section.columns.some((column) => column.title)
    ? element("thead", {}, element("tr", {}, ...section.columns.map((column, index) =>
      column.title ? element("th", { scope: "col", ...side(index) }, column.title) : element("td", {}))))
    : null;
  const rows = section.rows.map((row) => element("tr", { class: roleClass(row.role) },
    ...row.cells.map((cell, index) => element("td", side(index), cell))));
  const table = element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": section.title || "table" },
    element("table", {}, head, element("tbody", {}, ...rows)));
  const notes = (section.notes ?? []).map((note) => element("p", { class: "r-dim" }, note));
  return element("div", {}, table, ...notes);
}
