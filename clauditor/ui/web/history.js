// The history: sessions live and past, found by a word and by how long ago.

import { ask, LockedError, sentenceOf } from "./key.js";
import { element, pieces } from "./text.js";

const WAIT_MS = 250; // after a key, before the history is searched
const SPANS = [["1", "today and yesterday"], ["7", "7 days"], ["30", "30 days"], ["", "all"]];

export class History {
  #place;
  #told;
  #list = element("div", { class: "wide", role: "region", "aria-label": "Sessions found", tabindex: "0" });
  #asked = 0;
  #search;
  #days;

  // `told`: { opened(id), locked() }
  constructor(place, told) {
    this.#place = place;
    this.#told = told;
    this.#search = element("input", { type: "search", placeholder: "project, branch, model, or the beginning of an id", autocomplete: "off", spellcheck: "false", maxlength: 200 });
    this.#days = element("select", {}, ...SPANS.map(([value, text]) => element("option", { value }, text)));
    this.#days.value = "7";
    let timer = null;
    this.#search.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(() => this.show(), WAIT_MS); });
    this.#days.addEventListener("change", () => this.show());
    place.append(element("div", { class: "tools" },
      element("label", { class: "field find" }, element("span", { class: "unseen" }, "Search"), this.#search),
      element("label", { class: "field" }, "last ", this.#days)), this.#list);
    this.#list.addEventListener("click", (event) => {
      const id = event.target.closest("[data-id]")?.dataset.id;
      if (id !== undefined) told.opened(id);
    });
  }

  focus() { this.#search.focus(); }

  async show() {
    const turn = ++this.#asked;
    try {
      const told = await ask("/api/v1/page/sessions", { search: this.#search.value.trim(), days: this.#days.value, limit: 200 });
      if (turn === this.#asked) this.#draw(told);
    } catch (error) {
      if (error instanceof LockedError) this.#told.locked();
      else if (turn === this.#asked) this.#list.replaceChildren(element("p", { class: "r-act" }, sentenceOf(error)));
    }
  }

  #draw(told) {
    const right = (column) => (column.align === "right" ? "right" : null);
    const head = element("tr", {}, ...told.columns.map((column) => element("th", { scope: "col", class: right(column) }, column.title)));
    const rows = told.rows.map((row) => {
      const cells = row.cells.map((cell, index) => {
        const made = element("td", { class: right(told.columns[index]) });
        if (index > 0) { made.append(...pieces(cell)); return made; }
        const open = element("button", { type: "button", class: "link", "aria-label": `open ${row.name}` }, ...pieces(cell));
        made.append(open);
        return made;
      });
      const line = element("tr", {}, ...cells);
      line.dataset.id = row.id;
      return line;
    });
    const said = [told.trouble, rows.length === 0 ? "No session found." : ""].filter(Boolean).map((text) => element("p", { class: "r-dim" }, text));
    this.#list.replaceChildren(...said, rows.length ? element("table", { class: "picks" }, element("thead", {}, head), element("tbody", {}, ...rows)) : "");
  }
}
