// What stands above the table: who needs what, limits, whether all was recorded; or that nothing is heard.

import { gauge } from "./limits.js";
import { element, fill, pieces, roleClass } from "./text.js";

const at = (id) => document.getElementById(id);

export class Headline {
  #needs = 0;

  show(told, attentive) {
    fill(at("headline"), [told.live, told.counts, told.empty.length], () => {
      const counts = told.counts.flatMap(([text, role], index) => [index ? ", " : ": ", element("span", { class: roleClass(role) }, text)]);
      return told.empty.length ? [] : [element("strong", {}, `${told.live} live`), ...counts];
    });
    fill(at("incident"), told.incident, (text) => [text]);
    at("incident").hidden = told.incident === "";
    fill(at("gauges"), told.limits, (windows) => windows.slice(0, 4).map(gauge));
    fill(at("spend"), [told.today, told.billed], () => (told.today ? [told.today] : pieces(told.billed)));
    fill(at("health"), [told.upstream, told.trouble, told.recorded], () => {
      const trouble = told.trouble ? [[told.trouble, "watch"]] : [];
      const parts = [...told.upstream, trouble, told.recorded].filter((part) => part.length);
      return parts.flatMap((part, index) => [index ? element("span", { class: "r-dim" }, " · ") : "", ...pieces(part)]);
    });
    document.title = told.needs ? `(${told.needs}) clauditor` : "clauditor";
    if (told.needs > this.#needs) at("said").textContent = attentive(told.needs);
    this.#needs = told.needs;
  }

  // A sentence about the page itself instead; empty: all is well.
  notice(text) {
    at("notice").hidden = text === "";
    if (at("notice").textContent !== text) at("notice").textContent = text;
    document.body.classList.toggle("away", text !== "");
    if (text) document.title = "clauditor, silent";
  }
}
