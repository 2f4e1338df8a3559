// How full the plan's windows are and where the pace leads; what the last days cost.

import { dayChart } from "./charts.js";
import { ask, LockedError, sentenceOf } from "./key.js";
import { element, roleClass } from "./text.js";

// One gauge: what is used, and a mark where the pace leads by the reset. The words say the same.
export function gauge(window) {
  const share = (ratio) => `${Math.min(Math.max(ratio ?? 0, 0), 1) * 100}%`;
  const full = element("span", { class: `full ${roleClass(window.role)}` });
  full.style.setProperty("inline-size", share(window.used));
  const track = element("span", { class: "track", "aria-hidden": "true" }, full);
  if (window.projected !== null) {
    const ahead = element("span", { class: "ahead" });
    ahead.style.setProperty("inset-inline-start", share(window.projected));
    track.append(ahead);
  }
  const name = [window.account, window.name].filter(Boolean).join(" ");
  return element("p", { class: "gauge" }, element("span", { class: "r-dim" }, name), track, element("span", {}, window.words));
}

export class Limits {
  #place;
  #told;

  // `told`: { locked() }
  constructor(place, told) {
    this.#place = place;
    this.#told = told;
  }

  async show() {
    try {
      this.#draw(await ask("/api/v1/page/limits"));
    } catch (error) {
      if (error instanceof LockedError) this.#told.locked();
      else this.#place.replaceChildren(element("p", { class: "r-act" }, sentenceOf(error)));
    }
  }

  #draw(told) {
    const windows = told.windows.length ? told.windows.map(gauge) : [element("p", { class: "r-dim" }, "No limit was told of yet.")];
    const days = told.days.map((one) => element("tr", {}, element("td", {}, one.day), element("td", { class: "right" }, one.words), element("td", { class: "right" }, one.calls)));
    this.#place.replaceChildren(
      ...(told.trouble ? [element("p", { class: "r-watch" }, told.trouble)] : []),
      element("section", { class: "part" }, element("h2", {}, "Limits of your plan"), element("div", { class: "gauges tall" }, ...windows)),
      element("section", { class: "part" }, element("h2", {}, "What the last days cost"),
        ...(days.length ? [dayChart(told.days, told.money), element("div", { class: "wide", tabindex: "0", role: "region", "aria-label": "days" },
          element("table", {}, element("tbody", {}, ...days.reverse())))] : [element("p", { class: "r-dim" }, "Nothing yet.")])));
  }
}
