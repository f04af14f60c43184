// Runs over each other, what differs in their settings, and what came of them.
import { Chart } from "./chart.js";
import { announce, copy, fill, h } from "./dom.js";
import { later } from "./latest.js";
import { ask, curves } from "./net.js";
import { link, note } from "./state.js";
import { View } from "./view.js";
import { integer, number, seconds, t } from "./words.js";

const COLOURS = {
  light: ["#0069A6", "#B84A00", "#7B2CBF", "#198D26", "#D81E6D", "#1E5641", "#101F4A", "#5A1A00"],
  dark: ["#56B4E9", "#F0A04B", "#8D85FF", "#4FE0A0", "#D34D9E", "#FFEA4F", "#C9D6E2", "#E44A50"],
};
const RESULTS = [
  ["last step", "last_step", integer, null], ["best val", "best_val", number, Math.min], ["at step", "best_val_step", integer, null],
  ["final val", "final_val", number, Math.min], ["final loss", "final_loss", number, Math.min],
  ["typical iteration", "typical_ms", (v) => seconds(v / 1000), Math.min], ["total time", "training_s", seconds, null],
  ["verdict", "verdict", t, null], ["ended", "outcome", t, null],
];

const MODES = ["step", "rel", "active"];

export class ComparePage {
  constructor(params) {
    this.runs = params.getAll("run");
    this.mode = MODES.find((mode) => mode === params.get("x")) ?? "step";
    this.view = new View({ redraw: () => this.redraw(), reload: later(() => this.load(), 70), moved: () => {} });
    const n = (key) => (params.has(key) ? Number(params.get(key)) : null);
    Object.assign(this.view, { from: n("from"), to: n("to"), logx: params.has("logx"), logy: params.has("logy"), smooth: n("smooth") ?? 20 });
    this.view.axis = this.mode === "active" ? "active" : "step";
    this.picked = this.runs.includes(params.get("pick")) ? params.get("pick") : null;
    this.root = h("main", { class: "compare", tabindex: "-1" }, h("p", { class: "muted" }, t("loading")));
    this.charts = [];
    this.sequence = 0;
    this.stale = new Set(); // runs that grew while a load was on its way
    this.shifts = new Map();
  }

  note() {
    if (this.closed) return;
    const { view } = this;
    note("compare", "", { run: this.runs, from: view.from, to: view.to, logx: view.logx, logy: view.logy, x: this.mode === "step" ? null : this.mode, pick: this.picked, smooth: view.smooth === 20 ? null : view.smooth });
  }

  async open() {
    if (this.runs.length < 2) { fill(this.root, h("p", {}, t("Select two runs or more.")), h("a", { href: "#/" }, t("runs"))); return; }
    try {
      this.found = await ask("compare", { run: this.runs });
    } catch (error) {
      fill(this.root, h("p", {}, error.message), h("a", { href: "#/" }, t("runs")));
      return;
    }
    if (this.closed) return;
    this.build();
    await this.load();
  }

  colours() { return COLOURS[document.documentElement.dataset.theme === "dark" || (document.documentElement.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches) ? "dark" : "light"]; }

  build() {
    const colours = this.colours(), units = new Set(this.found.units);
    const chart = (title, metric, hero) => new Chart({
      title, unit: units.size === 1 ? [...units][0] ?? "" : "", view: this.view, hero, onpoint: (made, event) => this.pickAt(made, event),
      series: this.runs.map((run, i) => ({ metric: `${metric}\n${run}`, label: shortened(run, this.runs), colour: colours[i % 8], dash: Math.floor(i / 8) % 4, bold: true, marker: metric === "val_loss", run, onpick: () => this.pick(run) })),
    });
    this.charts = [chart(t("Validation loss"), "val_loss", true), chart(t("Training loss"), "loss", false)];
    this.toolbar = h("div", { class: "toolbar" });
    fill(this.root, h("div", { class: "heading" }, h("nav", {}, h("a", { href: "#/" }, t("runs")), " / "), h("h1", {}, t("Comparison"))),
      this.toolbar, h("div", { class: "charts wide" }, this.charts.map((c) => c.root)), this.results(), this.settings());
    this.tools();
    this.mark();
  }

  // A curve is picked where it is clicked: the others are faint, and its name is copied.
  pickAt(chart, event) {
    const box = chart.canvas.getBoundingClientRect();
    const found = chart.curveAt(event.clientX - box.left, event.clientY - box.top);
    if (found) this.pick(found.run);
    else this.unpick();
  }

  pick(run) {
    if (this.picked === run) { this.unpick(); return; }
    this.picked = run;
    copy(run, `${run}: ${t("copied")}`);
    this.mark();
  }

  unpick() { this.picked = null; this.mark(); }

  mark() {
    for (const chart of this.charts) {
      for (const series of chart.series) Object.assign(series, { picked: series.run === this.picked, faint: this.picked !== null && series.run !== this.picked });
    }
    for (const cell of this.root.querySelectorAll("[data-run]")) cell.classList.toggle("picked", cell.dataset.run === this.picked);
    this.redraw();
  }

  turn(mode) {
    this.mode = mode ?? MODES[(MODES.indexOf(this.mode) + 1) % MODES.length];
    this.view.axis = this.mode === "active" ? "active" : "step";
    this.view.from = this.view.to = this.view.cursor = null;
    for (const chart of this.charts) chart.data.clear();
    this.load();
    this.tools();
  }

  tools() {
    const { view } = this;
    const toggle = (label, on, action, key) => h("button", { type: "button", "aria-pressed": String(Boolean(on)), title: `${label} (${key})`, onclick: action }, label);
    fill(this.toolbar, h("span", { class: "group" }, toggle(t("all"), false, () => view.all(), "0"), toggle(t("log x"), view.logx, () => this.flip("logx"), "l"), toggle(t("log y"), view.logy, () => this.flip("logy"), "y"),
      [["step", "step"], ["rel", "steps from the first"], ["active", "training time"]].map(([mode, label]) => toggle(t(label), this.mode === mode, () => this.turn(mode), "x"))));
  }

  flip(name) { this.view[name] = !this.view[name]; this.view.changed(); this.tools(); }

  async load(runs = this.runs) {
    if (this.closed) return;
    const mine = ++this.sequence;
    this.loading = true;
    this.stale.clear();
    const asked = await Promise.all(runs.map((run) => this.ask(run).catch((error) => { announce(error.message); return null; })));
    if (mine !== this.sequence || this.closed) return;
    runs.forEach((run, i) => asked[i] && this.take(run, ...asked[i]));
    const spans = this.charts.flatMap((c) => [...c.data.values()].map((curve) => curve.span));
    if (spans.length) this.view.span = [Math.min(...spans.map((s) => s[0])), Math.max(...spans.map((s) => s[1]))];
    this.loading = false;
    this.redraw();
    if (this.stale.size) await this.load([...this.stale]);
  }

  // Its curves in the window, and the mean of one of them.
  ask(run) {
    const { view } = this;
    const width = Math.min(1600, Math.round((this.charts[0].width || 900) * (window.devicePixelRatio || 1)));
    const by = this.mode === "rel" ? this.shifts.get(run) ?? 0 : 0;
    const window_ = { axis: view.axis, from: view.from === null ? null : view.from + by, to: view.to === null ? null : view.to + by, width, logx: view.isLog && !by };
    return Promise.all([curves(run, ["val_loss", "loss"], window_), view.smooth > 1 ? curves(run, ["loss"], { ...window_, smooth: view.smooth }) : null]);
  }

  take(run, raw, smoothed) {
    this.shifts.set(run, Math.min(...raw.curves.map((c) => c.span[0]), Infinity));
    const by = this.mode === "rel" ? this.shifts.get(run) : 0;
    for (const curve of raw.curves) {
      moved(curve, by);
      this.charts[curve.metric === "val_loss" ? 0 : 1].set(`${curve.metric}\n${run}`, curve);
    }
    for (const curve of smoothed?.curves ?? []) { moved(curve, by); this.charts[1].set(`loss\n${run}`, curve, true); }
  }

  redraw() {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const chart of this.charts) chart.draw();
      this.note();
    });
  }

  heading() {
    const colours = this.colours();
    return h("tr", {}, h("th", {}), this.runs.map((run, i) => {
      const mark = h("i", { class: "swatch" });
      mark.style.background = colours[i % 8];
      return h("th", { scope: "col", "data-run": run }, mark, h("a", { href: link("run", run), title: run }, shortened(run, this.runs)));
    }));
  }

  results() {
    const rows = RESULTS.map(([label, key, form, better]) => {
      const values = this.found.results.map((s) => s[key] ?? null);
      if (values.every((v) => v === null)) return null;
      const known = values.filter((v) => v !== null);
      const best = better && known.length > 1 && new Set(this.found.units).size === 1 ? better(...known) : null;
      return h("tr", {}, h("th", { scope: "row" }, t(label)), values.map((v) => h("td", { class: v !== null && v === best ? "best" : null }, v === null ? "" : form(v), v !== null && v === best ? " ★" : "")));
    });
    return h("section", {}, h("h2", {}, t("Results")), h("div", { class: "scroll" }, h("table", {}, h("thead", {}, this.heading()), h("tbody", {}, rows.filter(Boolean)))));
  }

  settings() {
    const rows = this.found.settings.map(({ name, values }) => h("tr", {}, h("th", { scope: "row" }, name), values.map((v) => h("td", {}, v ?? ""))));
    return h("section", {}, h("h2", {}, t("Settings that differ")), rows.length ? h("div", { class: "scroll" }, h("table", {}, h("thead", {}, this.heading()), h("tbody", {}, rows))) : h("p", { class: "muted" }, t("No setting that the logs state differs.")));
  }

  key(event) {
    const { view } = this;
    const { from, to } = view.window();
    const middle = view.cursor?.x ?? (from + to) / 2;
    const by = event.shiftKey ? 10 : 1;
    const along = (n) => view.point(Math.min(Math.max(middle + (n * by * (to - from)) / 200, from), to));
    const does = {
      "+": () => view.zoomAt(middle, 0.5), "=": () => view.zoomAt(middle, 0.5), "-": () => view.zoomAt(middle, 2), 0: () => view.all(),
      l: () => this.flip("logx"), y: () => this.flip("logy"), ArrowLeft: () => along(-1), ArrowRight: () => along(1),
      Home: () => view.point(from), End: () => view.point(to),
      x: () => this.turn(), Enter: () => { if (this.picked) location.hash = link("run", this.picked); },
      Escape: () => { if (this.picked) this.unpick(); else location.hash = link("", "", { sel: this.runs }); },
    }[event.key];
    if (!does || !(this.found || event.key === "Escape")) return false;
    does();
    return true;
  }

  heard(changes) {
    const grown = this.runs.filter((run) => changes.runs?.[run]?.lines !== undefined);
    if (!grown.length || !this.found) return;
    if (this.loading) for (const run of grown) this.stale.add(run);
    else this.load(grown);
  }

  close() { this.closed = true; }

  restyle() {
    if (!this.found) return;
    this.view.forget();
    this.build();
    this.load();
  }

  title() { return t("Comparison"); }
}

function moved(curve, by) {
  if (!by || !Number.isFinite(by)) return;
  curve.span = curve.span.map((x) => x - by);
  for (const part of curve.parts) {
    part.x0 = part.x0.map((x) => x - by);
    part.x1 = part.x1.map((x) => x - by);
  }
}

// The end of a name, as long as it takes to tell the runs apart.
export function shortened(run, runs) {
  const words = run.split("/");
  for (let n = 1; n < words.length; n += 1) {
    const end = words.slice(-n).join("/");
    if (runs.filter((other) => other.endsWith(`/${end}`) || other === end).length === 1) return end;
  }
  return run;
}
