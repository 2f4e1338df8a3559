// Curves over time and bars by day, drawn by uPlot; each says in words what it shows.

import uPlot from "./uPlot.esm.js";
import { element } from "./text.js";

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Tokens as people read them: 950, 118k, 1.2M.
const short = (number) => Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(number);

// Times as the rest of the page has them: with seconds where all is within some minutes, as days where it is not.
function times(_, all) {
  const span = all.length > 1 ? all.at(-1) - all[0] : 0;
  const form = span > 172800 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit", ...(span < 300 ? { second: "2-digit" } : {}) };
  return all.map((at) => new Intl.DateTimeFormat("en-GB", form).format(at * 1000));
}

function axes(yValues) {
  const common = () => ({ stroke: colour("--dim"), font: "11px ui-monospace, monospace", grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } });
  return [{ ...common(), grid: { show: false }, space: 76, size: 26, values: times }, { ...common(), size: 56, space: 26, values: (_, all) => all.map(yValues) }];
}

// A chart in a figure that follows its width; drawn only while it can be seen, as uPlot holds what is drawn until told
// otherwise. `make()`: options; they are made anew when the theme changes.
function figure(words, height, make, data) {
  const place = element("div", { class: "plot", role: "img", "aria-label": words });
  const shown = element("figure", { class: "chart" }, element("figcaption", {}, words), place);
  let plot = null;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot({ ...make(), width: Math.max(160, place.clientWidth), height, legend: { show: false }, cursor: { show: false } }, data, place);
  };
  const watch = new ResizeObserver(() => {
    if (place.clientWidth === 0) {
      plot?.destroy();
      plot = null;
    } else if (plot === null) draw();
    else plot.setSize({ width: Math.max(160, place.clientWidth), height });
  });
  watch.observe(place);
  place.redraw = () => plot && draw();
  return shown;
}

export function redraw() {
  for (const place of document.querySelectorAll(".plot")) place.redraw();
}

// Context and cost of one session, call by call.
export function sessionCharts(curves) {
  const { at, context, cost, compact_at: compactAt } = curves;
  const most = Math.max(0, ...context.filter((one) => one !== null));
  const near = compactAt !== null && most > compactAt * 0.5;
  const limit = at.map(() => (near ? compactAt : null));
  const line = (stroke, more = {}) => ({ stroke, width: 1.75, points: { show: false }, spanGaps: true, ...more });
  const scale = { y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1e-6)] } };
  const dollars = curves.estimated ? "~$" : "$";
  return element("div", { class: "charts" },
    figure(`context of the main thread, tokens${near ? "; dashed: where it compacts" : ""}`, 140, () => ({
      scales: scale, axes: axes(short),
      series: [{}, line(colour("--accent"), { fill: colour("--accent-fill") }), line(colour("--watch"), { dash: [5, 4] })],
    }), [at, context, limit]),
    figure(`cost of its calls so far, ${dollars}`, 140, () => ({
      scales: scale, axes: axes((value) => value.toFixed(2)),
      series: [{}, line(colour("--good"), { fill: colour("--good-fill"), paths: uPlot.paths.stepped({ align: 1 }) })],
    }), [at, cost]));
}

// What each of the last days cost.
export function dayChart(days, money) {
  const names = days.map((one) => one.day);
  const xs = days.map((_, index) => index);
  return figure(`cost by day, ${money}`, 180, () => ({
    scales: { x: { time: false, range: [-0.6, Math.max(days.length, 1) - 0.4] }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 0.01)] } },
    axes: [{ ...axes(String)[0], splits: () => xs, values: (_, all) => all.map((index) => (names[index] ?? "").slice(5)) }, axes((value) => value.toFixed(2))[1]],
    series: [{}, { stroke: colour("--accent"), fill: colour("--accent-fill"), width: 1, points: { show: false }, paths: uPlot.paths.bars({ size: [0.6, 48] }) }],
  }), [xs, days.map((one) => one.usd ?? 0)]);
}
