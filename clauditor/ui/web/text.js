// What the sidecar says becomes nodes here and nowhere else: every string is a text node, never markup.

const TICKING = new Set();
const SVG = "http://www.w3.org/2000/svg";
const ROLES = new Set(["plain", "dim", "strong", "head", "act", "watch", "good", "accent", "rule"]);
let clock = () => Date.now() / 1000;

// An element with attributes and children; strings among the children are text.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function roleClass(role) {
  return ROLES.has(role) ? `r-${role}` : "r-plain";
}

// Pieces as ui/views/web.py makes them: [text, role], or a span that ticks, or a curve.
export function pieces(parts) {
  return parts.map(([text, role, kind, value]) => {
    if (kind === "trend") return sparkline(value);
    const made = element("span", { class: roleClass(role) });
    if (kind === "since" || kind === "until") {
      const node = document.createTextNode("");
      const tick = { node, kind, at: value };
      TICKING.add(tick);
      show(tick, clock());
      made.append(node);
    } else {
      made.append(String(text));
    }
    return made;
  });
}

// A span in at most five cells, as `duration` of ui/views/units.py.
export function duration(seconds) {
  const whole = Math.max(0, Math.trunc(seconds));
  const two = (number) => String(Math.trunc(number)).padStart(2, "0");
  if (whole < 3600) return `${Math.trunc(whole / 60)}:${two(whole % 60)}`;
  if (whole < 36000) return `${Math.trunc(whole / 3600)}h${two((whole % 3600) / 60)}m`;
  if (whole < 172800) return `${Math.trunc(whole / 3600)}h`;
  return `${Math.min(Math.trunc(whole / 86400), 9999)}d`;
}

// Which clock spans are shown by: that of the sidecar, which stands still while nothing is heard.
export function setClock(told) {
  clock = told;
}

// Bring every span that can be seen up to date; only those that read otherwise are touched. `unseen`: rows out of sight.
export function tick(unseen) {
  const now = clock();
  for (const one of TICKING) {
    if (isGone(one)) TICKING.delete(one);
    else if (!unseen.has(one.node.parentNode.parentNode.parentNode)) show(one, now);
  }
}

// Forget the spans that left; for a page that does not tick now.
export function prune() {
  for (const one of TICKING) if (isGone(one)) TICKING.delete(one);
}

// A row that is folded away comes back with its spans; whatever else left the document does not.
function isGone({ node }) {
  return !node.isConnected && !node.getRootNode().classList?.contains("row");
}

function show(one, now) {
  const text = duration(one.kind === "since" ? now - one.at : one.at - now);
  if (one.node.data !== text) one.node.data = text;
}

// Shares (0..1) as a small curve.
export function sparkline(ratios) {
  const width = 48, height = 14;
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "spark");
  drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
  drawing.setAttribute("aria-hidden", "true");
  const step = width / Math.max(1, ratios.length - 1);
  const points = ratios.map((ratio, index) => {
    const y = height - 1 - Math.min(Math.max(Number(ratio) || 0, 0), 1) * (height - 2);
    return `${(index * step).toFixed(1)},${y.toFixed(1)}`;
  });
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  drawing.append(line);
  return drawing;
}

// Put a list of nodes in the place of what an element has, unless the words are the same.
export function fill(place, told, make) {
  const words = JSON.stringify(told);
  if (place.dataset.words === words) return false;
  place.dataset.words = words;
  place.replaceChildren(...make(told));
  return true;
}
