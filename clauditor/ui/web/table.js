// The live table: rows by session, in an order that stays calm, with a selection that follows its session.

import { element, fill, pieces, roleClass, tick } from "./text.js";

const RESORT_MS = 2000;
const QUIET_MS = 3000;
const CELL_PX = 7.9; // of a figure in the table's font, about
const GAP_CELLS = 1.5;
const NARROW_CELLS = 70; // below, a row has two lines and these columns
const ON_PHONES = new Set(["sign", "session", "state", "why", "money"]);
const NAMES = { "": "sign", $: "money", "~$": "money" };

export class Table {
  #place;
  #told;
  #rows = new Map();
  #columns = [];
  #shown = [];
  #order = [];
  #wanted = [];
  #sortedAt = 0;
  #touchedAt = -Infinity;
  #isHovered = false;
  #again = null; // a timer while rows do not yet stand as they should
  #sight = new IntersectionObserver((rows) => this.#saw(rows), { rootMargin: "80px" });
  unseen = new Set();
  selected = null;

  // `told`: { chosen(id), opened(id) }
  constructor(place, told) {
    this.#place = place;
    this.#told = told;
    place.addEventListener("pointerenter", () => { this.#isHovered = true; });
    place.addEventListener("pointerleave", () => { this.#isHovered = false; });
    place.addEventListener("click", (event) => this.#clicked(event, false));
    place.addEventListener("dblclick", (event) => this.#clicked(event, true));
    new ResizeObserver(() => this.#fit()).observe(place);
  }

  get count() { return this.#order.length; }
  row(id) { return this.#rows.get(id)?.row ?? null; }
  touched() { this.#touchedAt = performance.now(); }
  sortNow() { this.#sortedAt = 0; this.#touchedAt = -Infinity; this.#isHovered = false; }

  // What a message of the stream brings; the first one of a stream is whole.
  update(news, isFirst) {
    if (isFirst) {
      const known = new Set((news.rows ?? []).map((row) => row.id));
      for (const id of [...this.#rows.keys()]) if (!known.has(id)) this.#drop(id);
    }
    for (const id of news.removed ?? []) this.#drop(id);
    if (news.columns) {
      this.#columns = news.columns.map((column) => ({ ...column, name: NAMES[column.title] ?? column.title.toLowerCase().replace(/[^a-z0-9]/g, "") }));
      for (const held of this.#rows.values()) held.node.replaceChildren();
      this.#fit();
    }
    for (const row of news.rows ?? []) this.#put(row);
    if (news.order) this.#wanted = news.order.ids;
    if (isFirst) this.sortNow();
    if (isFirst || news.order || news.rows || news.removed) this.#arrange();
  }

  move(steps) {
    const place = this.#order.indexOf(this.selected);
    this.select(this.#order[Math.min(Math.max(place + steps, 0), this.#order.length - 1)], true);
  }

  // The next row that needs a person: those to act on first, then those to watch. False where none does.
  nextInNeed() {
    const wanted = ["act", "watch"].flatMap((level) => this.#order.filter((id) => this.row(id)?.level === level));
    if (wanted.length === 0) return false;
    this.select(wanted[(wanted.indexOf(this.selected) + 1) % wanted.length], true);
    return true;
  }

  select(id, focus = false) {
    if (id === undefined || !this.#rows.has(id)) return;
    this.#unmark();
    const node = this.#rows.get(id).node;
    node.setAttribute("aria-selected", "true");
    node.setAttribute("tabindex", "0");
    if (focus) {
      node.focus({ preventScroll: true });
      node.scrollIntoView({ block: "nearest" });
    }
    const isOther = this.selected !== id;
    this.selected = id;
    if (isOther) this.#told.chosen(id);
  }

  #unmark() {
    const node = this.#rows.get(this.selected)?.node;
    node?.setAttribute("aria-selected", "false");
    node?.setAttribute("tabindex", "-1");
  }

  // Rows out of sight need not tick; those that come into it are brought up to date at once.
  #saw(rows) {
    for (const { target, isIntersecting } of rows) {
      if (isIntersecting) this.unseen.delete(target);
      else if (this.#rows.has(target.dataset.id)) this.unseen.add(target);
    }
    tick(this.unseen);
  }

  #clicked(event, twice) {
    const id = event.target.closest("[data-id]")?.dataset.id;
    if (id === undefined) return;
    this.touched();
    this.select(id, true);
    if (twice) this.#told.opened(id);
  }

  #put(row) {
    let held = this.#rows.get(row.id);
    if (held === undefined) {
      const node = element("div", { role: "row", class: "row", tabindex: "-1", "aria-selected": "false" });
      node.dataset.id = row.id;
      held = { node, row };
      this.#rows.set(row.id, held);
      this.#sight.observe(node);
    }
    held.row = row;
    this.#draw(held);
  }

  #draw({ node, row }) {
    node.className = `row ${roleClass(row.tone)} level-${["act", "watch"].includes(row.level) ? row.level : "ok"}`;
    while (node.children.length > this.#shown.length) node.lastChild.remove();
    this.#shown.forEach((index, place) => {
      const cell = node.children[place] ?? node.appendChild(element("div", { role: "gridcell" }));
      const column = this.#columns[index];
      const name = `cell c-${column.name} ${column.align === "right" ? "right" : ""}`;
      if (cell.className !== name) cell.className = name;
      if (fill(cell, row.cells[index] ?? [], pieces) && ["session", "why"].includes(column.name)) {
        cell.title = column.name === "session" ? row.name : cell.textContent;
      }
    });
  }

  #drop(id) {
    const node = this.#rows.get(id)?.node;
    if (node === undefined) return;
    this.#sight.unobserve(node);
    this.unseen.delete(node);
    node.remove();
    node.replaceChildren(); // so that its spans tick no more
    this.#rows.delete(id);
  }

  // Which columns have room: those of a wider screen leave while texts would be short, then those that go first.
  #fit() {
    if (this.#columns.length === 0) return;
    const cells = this.#place.clientWidth / CELL_PX;
    const isNarrow = cells < NARROW_CELLS;
    const column = (index) => this.#columns[index];
    let kept = this.#columns.map((_, index) => index).filter((index) => (isNarrow ? ON_PHONES.has(column(index).name) : column(index).from_width <= cells));
    const taken = (of) => kept.reduce((sum, index) => sum + column(index)[of] + GAP_CELLS, 0);
    const drop = (going) => { kept = kept.filter((index) => index !== going); };
    while (!isNarrow && taken("comfort") > cells && kept.some((index) => column(index).from_width > 0)) {
      drop(kept.filter((index) => column(index).from_width > 0).at(-1));
    }
    while (!isNarrow && taken("least") > cells && kept.some((index) => column(index).go > 0)) {
      drop(kept.filter((index) => column(index).go > 0).reduce((least, index) => (column(index).go <= column(least).go ? index : least)));
    }
    this.#place.classList.toggle("narrow", isNarrow);
    this.#shown = kept;
    const template = kept.map((index) => {
      const { least, most } = this.#columns[index];
      return most > least ? `minmax(${least}ch, ${most > 60 ? 3 : 2}fr)` : `${least}ch`;
    });
    this.#place.style.setProperty("--columns", template.join(" "));
    this.#titles();
    for (const held of this.#rows.values()) this.#draw(held);
  }

  #titles() {
    const titles = this.#shown.map((index) => this.#columns[index]);
    let head = this.#place.querySelector(".titles");
    if (head === null) this.#place.prepend((head = element("div", { role: "row", class: "titles" })));
    fill(head, titles, (told) => told.map((column) =>
      element("div", { role: "columnheader", class: `cell c-${column.name} ${column.align === "right" ? "right" : ""}`,
        "aria-label": column.title === "" ? "Needs you" : null }, column.title)));
  }

  // Between two sorts rows keep their place; new ones come last.
  #arrange() {
    const now = performance.now();
    const known = (id) => this.#rows.has(id);
    const rests = now - this.#touchedAt >= QUIET_MS && !this.#isHovered && now - this.#sortedAt >= RESORT_MS;
    if (rests || this.#sortedAt === 0) {
      this.#order = this.#wanted.filter(known);
      this.#sortedAt = now;
    } else {
      const kept = this.#order.filter(known);
      const shown = new Set(kept);
      this.#order = [...kept, ...this.#wanted.filter((id) => known(id) && !shown.has(id))];
    }
    clearTimeout(this.#again);
    const isSettled = this.#order.length === this.#wanted.length && this.#order.every((id, index) => id === this.#wanted[index]);
    if (!isSettled) this.#again = setTimeout(() => this.#arrange(), 500);
    const listed = new Set(this.#order);
    for (const [id, held] of this.#rows) if (!listed.has(id) && held.node.isConnected) held.node.remove();
    let before = this.#place.querySelector(".titles");
    for (const id of this.#order) {
      const node = this.#rows.get(id).node;
      if (before === null ? this.#place.firstChild !== node : before.nextSibling !== node) {
        const hadFocus = node === document.activeElement;
        if (before === null) this.#place.prepend(node); else before.after(node);
        if (hadFocus) node.focus({ preventScroll: true });
      }
      before = node;
    }
    if (!listed.has(this.selected)) {
      this.#unmark();
      this.selected = null;
      if (this.#order.length > 0) this.select(this.#order[0]);
    }
  }
}
