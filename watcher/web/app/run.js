// One run: its curves, and the log lines that they came from.
import { keyText } from "./axis.js";
import { Chart } from "./chart.js";
import { announce, fill, h } from "./dom.js";
import { heading, milestones, plots, settings } from "./facts.js";
import { Question, later } from "./latest.js";
import { address, ask, curves } from "./net.js";
import { note } from "./state.js";
import { alertBox } from "./parts.js";
import { View } from "./view.js";
import { clock, integer, number, seconds, t } from "./words.js";

const MARKS = new Set(["checkpoint"]);
const AXES = { step: "step", line: "line", time: "time", active: "training time" };
const LIVE_CELLS = 400;
// As many points as the server gives at once: there may be more.
const TAIL = 2000;

// More has changed than an event brings.
const isNews = (changed) => Boolean(changed.curves || changed.alerts || changed.state || changed.headline);

export class RunPage {
  // lens: gives the module of the log lens; a report has none.
  constructor(name, params, lens = null) {
    this.name = name;
    this.lensModule = lens;
    this.view = new View({
      redraw: () => this.redraw(),
      reload: later(() => this.load(), 70),
      moved: later(() => this.exact(), 70),
    });
    this.read(params);
    this.charts = [];
    this.sequence = this.picks = 0;
    this.about = new Question(() => ask("run", { run: name }));
    this.loaded = new Promise((resolve) => { this.shown = resolve; });
    this.root = h("main", { class: "run", tabindex: "-1" }, h("p", { class: "muted" }, t("loading")));
  }

  read(params) {
    const { view } = this;
    const n = (key) => (params.has(key) ? Number(params.get(key)) : null);
    view.from = n("from");
    view.to = n("to");
    view.axis = params.get("x") in AXES ? params.get("x") : "step";
    view.logx = params.has("logx");
    view.logy = params.has("logy");
    view.smooth = n("smooth");
    this.line = n("at");
  }

  note() {
    if (this.closed) return;
    const { view } = this;
    const round = (v) => (v === null ? null : +v.toPrecision(8));
    note("run", this.name, {
      from: round(view.from), to: round(view.to), x: view.axis === "step" ? null : view.axis,
      logx: view.logx, logy: view.logy, smooth: view.smooth === this.usual ? null : view.smooth,
      at: this.line,
    });
  }

  async open() {
    try {
      await this.renew();
    } catch (error) {
      fill(this.root, h("p", {}, error.message), h("p", {}, h("a", { href: "#/" }, t("runs"))));
      return;
    }
    if (this.closed) return;
    this.usual = Math.min(50, Math.floor((this.facts.metrics.loss?.records ?? 0) / 10));
    if (this.usual < 5) this.usual = 0;
    this.view.smooth ??= this.usual;
    if (!this.axes().includes(this.view.axis)) this.view.axis = "step";
    this.build();
    // The charts ask for their points as soon as they are seen.
    await this.loaded;
    if (this.line) await this.toLine(this.line);
  }

  // What is known of the run, and what changed while that was on its way.
  async renew() {
    const answer = await this.about.ask();
    if (!answer) return;
    const newer = answer.events.filter((changed) => changed.rev > answer.found.rev);
    this.facts = answer.found;
    newer.forEach((changed) => this.learn(changed));
    if (newer.some(isNews)) await this.renew();
  }

  // Alerts and the headline of an event are in the daemon's language.
  learn(changed) {
    const { alerts, headline, rev } = this.facts;
    if (changed.rev > rev) Object.assign(this.facts, changed, { alerts, headline });
  }

  build() {
    const { facts } = this;
    this.aside = h("aside", { class: "lens", "aria-label": t("Log") }, h("p", { class: "hint" }, t("Click a point to see its line.")));
    this.heading = h("div", { class: "heading" });
    this.readout = h("output", { class: "readout", "aria-live": "polite" });
    this.limit = h("small", {});
    this.toolbar = h("div", { class: "toolbar", role: "toolbar", "aria-label": t("zoom") });
    this.grid = h("div", { class: "charts" });
    this.makeCharts(facts.metrics);
    this.alerts = h("section", { class: "alerts" });
    fill(this.root,
      this.heading, this.toolbar,
      h("div", { class: "split" }, h("div", { class: "left" }, this.grid, this.alerts, settings(this.facts), milestones(this.facts, (m) => this.toLine(m.line))), this.aside));
    this.watch();
    this.describe();
    this.tools();
  }

  // The first evaluation of a run comes late: so does its curve.
  remake() {
    this.watching.disconnect();
    this.makeCharts(this.facts.metrics);
    this.watch();
  }

  makeCharts(metrics) {
    const shared = { view: this.view, onpoint: () => this.pick() };
    this.charts = plots(metrics).map((plot) => new Chart({ ...plot, ...shared }));
    fill(this.grid, this.charts.map((c) => c.root));
  }

  // Only charts that are on the screen ask for points.
  watch() {
    const watching = new IntersectionObserver((entries) => {
      let came = false;
      for (const entry of entries) {
        const chart = this.charts.find((c) => c.root === entry.target);
        came ||= entry.isIntersecting && !chart.visible;
        chart.visible = entry.isIntersecting;
        if (chart.visible) chart.draw();
      }
      if (came) this.load();
    }, { rootMargin: "200px" });
    for (const chart of this.charts) {
      chart.visible = false;
      watching.observe(chart.root);
    }
    this.watching = watching;
  }

  describe() {
    fill(this.heading, heading(this.name, this.facts));
    this.describeAlerts();
    this.describeMarks();
  }

  describeAlerts() {
    const found = [...this.facts.findings].sort((a, b) => Boolean(a.cleared_step) - Boolean(b.cleared_step) || b.step - a.step);
    fill(this.alerts, h("h2", {}, t("Alerts")),
      found.length ? found.map((finding) => alertBox(finding, () => this.goTo(finding))) : h("p", { class: "muted" }, t("No alerts.")));
  }

  // Axes that this run has: times are not known of every log.
  axes() { return Object.keys(AXES).filter((axis) => ["step", "line"].includes(axis) || this.facts.clocks?.[axis]); }

  // Where a step or a line stands on the axis; null: nowhere.
  place(step, line) {
    const { axis } = this.view;
    if (axis === "step") return step;
    if (axis === "line") return line;
    const { lines, seconds } = this.facts.clocks[axis];
    if (line === null || line === undefined || line < lines[0]) return null;
    const i = Math.max(1, lines.findIndex((known) => known >= line));
    const share = Math.min(1, (line - lines[i - 1]) / (lines[i] - lines[i - 1] || 1));
    return line > lines.at(-1) ? seconds.at(-1) : seconds[i - 1] + share * (seconds[i] - seconds[i - 1]);
  }

  describeMarks() {
    const { facts } = this;
    const marks = [];
    const over = facts.findings.find((f) => f.rule === "overfitting" && f.cleared_step === null);
    if (over) marks.push({ kind: "zone", from: this.place(over.since_step ?? over.step, over.since_line ?? over.line), to: Infinity, text: t("overfitting") });
    for (const stretch of facts.stretches.slice(1)) marks.push({ kind: "cut", at: this.place(stretch.first, stretch.first_line), text: t("restart") });
    for (const m of facts.milestones) {
      if (MARKS.has(m.kind) && m.step !== null) marks.push({ kind: "tick", at: this.place(m.step, m.line) });
    }
    const shown = marks.filter((mark) => (mark.at ?? mark.from ?? null) !== null);
    for (const chart of this.charts) {
      chart.marks = shown.map((mark) => (mark.kind === "zone" ? { ...mark, to: this.view.span[1] } : mark));
      const best = facts.best_step !== null && facts.best_step !== undefined && this.view.axis === "step";
      chart.best = chart.hero && best ? { step: facts.best_step, value: facts.best_val } : null;
    }
  }

  tools() {
    const { view } = this;
    const toggle = (label, on, action, key) => h("button", { type: "button", "aria-pressed": String(Boolean(on)), title: `${label} (${key})`, onclick: action }, label);
    const steps = [0, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
    const at = steps.findLastIndex((n) => n <= view.smooth);
    const slider = h("input", { type: "range", min: "0", max: String(steps.length - 1), value: String(at), "aria-label": t("smoothing"), oninput: (event) => this.smoothTo(steps[event.target.value]) });
    const field = h("input", { type: "number", min: "0", max: "1000000", value: String(view.smooth), "aria-label": t("smoothing"), onchange: (event) => this.smoothTo(Number(event.target.value) || 0) });
    const button = (label, title, action) => h("button", { type: "button", title, "aria-label": title, onclick: action }, label);
    fill(this.toolbar,
      h("span", { class: "group" },
        button("+", `${t("zoom")} (+)`, () => this.zoomBy(0.5)), button("−", `${t("zoom")} (-)`, () => this.zoomBy(2)),
        button(t("all"), `${t("whole run")} (0)`, () => view.all()),
        toggle(t("follow"), view.follows, () => view.follow(), "f")),
      h("span", { class: "group" },
        toggle(t("log x"), view.logx, () => this.flip("logx"), "l"), toggle(t("log y"), view.logy, () => this.flip("logy"), "y"),
        this.axes().map((axis) => toggle(t(AXES[axis]), view.axis === axis, () => this.flipAxis(axis), "x"))),
      h("label", { class: "group smooth" }, t("smoothing"), slider, field, this.limit),
      h("a", { class: "quiet button", href: address("export", { run: this.name }), download: true }, t("export CSV")),
      this.readout);
    this.slider = slider;
  }

  flip(name) { this.view[name] = !this.view[name]; this.view.changed(); this.tools(); }

  flipAxis(axis) {
    const { view } = this, axes = this.axes();
    this.outdate();
    view.axis = axis ?? axes[(axes.indexOf(view.axis) + 1) % axes.length];
    if (view.axis === "time") this.sayClock();
    view.from = view.to = view.cursor = null;
    for (const chart of this.charts) chart.data.clear();
    const { stretches, step, lines } = this.facts;
    const [first] = stretches;
    if (first) view.span = [this.place(first.first, first.first_line) ?? this.facts.clocks[view.axis].seconds[0], this.place(step, lines)];
    view.changed();
    this.tools();
  }

  // Curves that are still on their way are not those that are wanted now.
  outdate() {
    this.sequence += 1;
    this.loading = true;
  }

  sayClock() {
    const { source, lines } = this.facts.clocks.time;
    if (source === "log") announce(t("times are those that the log prints"));
    else announce(t("times are those when gptwatch saw the lines, from line {n} on", { n: integer(lines[0]) }));
  }

  smoothTo(n) {
    this.outdate();
    this.view.smooth = Math.max(0, Math.round(n));
    for (const chart of this.charts) for (const s of chart.series) if (!this.view.smooth) chart.data.delete(`${s.metric}~`);
    this.view.changed();
    this.tools();
  }

  zoomBy(factor) {
    const { from, to } = this.view.window();
    this.view.zoomAt(this.view.cursor?.x ?? (from + to) / 2, factor);
  }

  // The large chart first: the others are not waited for.
  async load() {
    if (this.closed) return;
    const mine = ++this.sequence;
    this.loading = true;
    const seen = this.charts.filter((c) => c.visible);
    try {
      for (const charts of [seen.filter((c) => c.hero), seen.filter((c) => !c.hero)]) {
        if (charts.length && mine === this.sequence) await this.fetch(charts, mine);
      }
    } catch (error) {
      announce(error.message);
    }
    if (mine !== this.sequence) return;
    this.loading = false;
    if (this.upto() >= 0) await this.append();
  }

  // The line that all curves on the screen reach; -1: one has yet to come.
  upto() { return Math.min(...this.drawn().map((c) => c.upto ?? -1)); }

  drawn() { return this.charts.filter((c) => c.visible && c.series.length); }

  async fetch(charts, mine) {
    const metrics = [...new Set(charts.flatMap((c) => c.metrics))];
    if (!metrics.length) { this.shown(); return; }
    const [raw, means] = await Promise.all([curves(this.name, metrics, this.window(charts)), this.means(charts)]);
    if (mine === this.sequence) this.take(charts, raw, means);
  }

  window(charts) {
    const { view } = this;
    const width = Math.min(2400, Math.round(Math.max(...charts.map((c) => c.width || 600)) * (window.devicePixelRatio || 1)));
    return { axis: view.axis, from: view.from, to: view.to, width, logx: view.isLog };
  }

  async means(charts) {
    const { smooth } = this.view;
    const metrics = [...new Set(charts.flatMap((c) => c.series.filter((s) => s.smooth).map((s) => s.metric)))];
    return smooth > 1 && metrics.length ? curves(this.name, metrics, { ...this.window(charts), smooth }) : null;
  }

  take(charts, raw, means) {
    const { view } = this;
    for (const chart of charts) chart.upto = raw.lines;
    for (const found of raw.curves) for (const chart of charts) if (chart.metrics.includes(found.metric)) chart.set(found.metric, found);
    this.takeMeans(charts, means);
    const spans = this.charts.flatMap((c) => [...c.data.values()].map((d) => d.span));
    if (spans.length) view.span = [Math.min(...spans.map((s) => s[0])), Math.max(...spans.map((s) => s[1]))];
    this.added = 0;
    this.describeMarks();
    this.redraw();
    this.shown();
  }

  takeMeans(charts, means) {
    for (const chart of charts) {
      for (const { metric } of chart.series.filter((s) => s.smooth)) {
        const found = means?.curves.find((c) => c.metric === metric);
        if (found) chart.set(metric, found, true);
        else chart.data.delete(`${metric}~`);
      }
    }
    // Averages over long windows of long curves would take minutes.
    const made = Math.min(...(means?.curves ?? []).map((c) => c.smooth ?? Infinity));
    this.limit.textContent = made < this.view.smooth ? t("mean of {n} points: the most for so long a curve", { n: integer(made) }) : "";
  }

  redraw() {
    if (this.frame || this.closed) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      for (const chart of this.charts) chart.draw();
      this.showReadout();
      this.note();
    });
  }

  showReadout() {
    const { cursor } = this.view;
    if (!cursor) { this.readout.textContent = ""; return; }
    const parts = [`${t(AXES[this.view.axis])} ${keyText(this.view.axis, cursor.x)}`];
    const point = this.mainPoint();
    if (point) {
      const [line, step] = point;
      parts.length = 0;
      parts.push(`${t("step")} ${integer(step)}`, `${t("line")} ${integer(line)}`);
      if (cursor.seen) parts.push(clock(cursor.seen));
      if (cursor.trained && this.view.isTime) parts.push(`${t("training time")} ${seconds(cursor.trained)}`);
    }
    this.readout.textContent = parts.join(" · ");
  }

  // The values of the very points, once the crosshair rests.
  async exact(cursor = this.view.cursor) {
    if (!cursor || cursor.points || this.closed) return;
    const metrics = [...new Set(this.charts.filter((c) => c.visible).flatMap((c) => c.metrics))];
    const found = await ask("point", { run: this.name, m: metrics, [this.view.axis]: cursor.x }).catch(() => null);
    if (!found) return;
    Object.assign(cursor, { points: found.points, line: found.line, seen: found.seen_at, trained: found.trained });
    this.redraw();
  }

  mainPoint(cursor = this.view.cursor) {
    const { points = {}, x, line } = cursor ?? {};
    const at = this.view.axis === "step" ? 1 : 0, key = this.view.isTime ? line : x;
    return Object.values(points).sort((a, b) => Math.abs(a[at] - key) - Math.abs(b[at] - key))[0];
  }

  async pick(focus = false) {
    const { axis, cursor } = this.view, mine = ++this.picks;
    await this.exact(cursor);
    // The pointer may have moved on: what was clicked is opened.
    const point = axis === this.view.axis && this.mainPoint(cursor);
    if (!point || mine !== this.picks) return;
    this.line = point[0];
    this.root.classList.add("reading");
    // On a small screen the lens covers what is below.
    if (getComputedStyle(this.aside).position === "fixed") this.charts[0].root.scrollIntoView({ block: "start" });
    await this.readLog(this.line, focus);
    this.redraw();
  }

  async readLog(line, focus = false) {
    if (!this.lensModule) return;
    const mine = this.picks;
    this.lens ??= this.lensModule().then(({ Lens }) => {
      const made = new Lens(this.name, { onmove: (at) => this.toLine(at, false) });
      this.aside.replaceWith(made.root);
      this.aside = made.root;
      return made;
    });
    const lens = await this.lens;
    if (mine === this.picks) await lens.show(line, { focus });
  }

  // The crosshair goes where the log is read.
  async toLine(line, show = true) {
    this.line = line;
    const mine = ++this.picks;
    const metrics = [...new Set(this.charts.slice(0, 2).flatMap((c) => c.metrics))];
    const found = await ask("point", { run: this.name, m: metrics, line }).catch(() => null);
    if (mine !== this.picks) return;
    const points = Object.values(found?.points ?? {});
    if (points.length) {
      const best = points.sort((a, b) => Math.abs(a[0] - line) - Math.abs(b[0] - line))[0];
      this.view.cursor = { x: this.place(best[1], best[0]), points: found.points, line: best[0], seen: found.seen_at, trained: found.trained };
      this.redraw();
    }
    if (show) { this.root.classList.add("reading"); await this.readLog(line); }
    this.note();
  }

  async goTo(finding) {
    const { view } = this;
    const first = finding.since_step ?? finding.step;
    if (view.axis === "step") {
      const room = Math.max((finding.step - first) * 0.5, (view.span[1] - view.span[0]) / 40, 5);
      view.zoom(Math.max(view.span[0], first - room), finding.step + room);
    }
    if (finding.line) await this.toLine(finding.line);
  }

  nextAlert() {
    const found = this.facts.findings.filter((f) => f.line);
    if (!found.length) return;
    this.alert = ((this.alert ?? -1) + 1) % found.length;
    this.goTo(found[this.alert]);
    announce(found[this.alert].message);
  }

  // ←/→: along the ends of the cells of the first chart; zoomed in, these are all points.
  move(by) {
    const { view } = this;
    const chart = this.charts.find((c) => c.visible && c.data.size) ?? this.charts[0];
    const curve = chart.data.get("loss") ?? [...chart.data.values()][0];
    if (!curve?.parts.length) return;
    const stops = [...new Set(curve.parts.flatMap((part) => part.x0.flatMap((x, i) => [x, part.x1[i]])))].sort((a, b) => a - b);
    if (!view.cursor) { view.point(stops.at(-1)); return; }
    const at = stops.findIndex((x) => x >= view.cursor.x);
    const now = at < 0 ? stops.length : at;
    // Between two stops the next one is the first step to the right.
    const first = by > 0 && stops[now] !== view.cursor.x ? 1 : 0;
    view.point(stops[Math.min(Math.max(now + by - first, 0), stops.length - 1)]);
  }

  key(event) {
    const { view } = this;
    const far = event.shiftKey ? 10 : 1;
    const does = {
      ArrowLeft: () => this.move(-far), ArrowRight: () => this.move(far),
      Home: () => view.point(view.window().from), End: () => view.point(view.window().to),
      "+": () => this.zoomBy(0.5), "=": () => this.zoomBy(0.5), "-": () => this.zoomBy(2),
      0: () => view.all(), f: () => { view.follow(); this.tools(); }, l: () => this.flip("logx"), y: () => this.flip("logy"),
      x: () => this.flipAxis(), s: () => this.slider.focus(), Enter: () => this.pick(true), a: () => this.nextAlert(),
      Escape: () => this.escape(),
    }[event.key];
    if (!does || !(this.facts || event.key === "Escape")) return false;
    does();
    return true;
  }

  escape() {
    this.picks += 1;
    if (this.root.classList.contains("reading") && this.view.cursor) {
      this.view.cursor = null;
      this.line = null;
      this.root.classList.remove("reading");
      this.redraw();
    } else if (this.view.from !== null || this.view.to !== null) this.view.all();
    else location.hash = "#/";
  }

  // What the daemon read meanwhile: only the new points come.
  async heard({ runs }) {
    const changed = runs?.[this.name];
    if (!changed) return;
    this.about.note(changed);
    if (!this.facts) return;
    const { lines, metrics } = this.facts;
    this.learn(changed);
    if (isNews(changed)) await this.renew().catch(() => {});
    if (this.closed) return;
    if (Object.keys(this.facts.metrics).some((name) => !(name in metrics))) this.remake();
    this.describe();
    if (this.facts.lines < lines) await this.load();
    else await this.append(changed.tail);
  }

  // What a load on its way leaves out is asked for when it ends.
  async append(tail) {
    const charts = this.drawn(), last = this.upto();
    if (this.loading || this.appending || this.closed || !charts.length) return;
    if (!(last >= 0)) { await this.load(); return; }
    if (this.facts.lines <= last) return;
    // Times of new lines come with the curves.
    if (this.view.isTime) { this.reclock(); return; }
    // An event brings what came since the one before.
    if (tail?.after <= last) { this.takeTail(charts, tail); return; }
    const metrics = [...new Set(charts.flatMap((c) => c.metrics))], mine = this.sequence;
    this.appending = true;
    const found = await ask("series", { run: this.name, m: metrics, after: last }).catch(() => null);
    this.appending = false;
    if (mine !== this.sequence) { await this.append(); return; }
    if (!found) return;
    await this.takeTail(charts, found);
    if (found.lines > last) await this.append();
  }

  async takeTail(charts, { lines, points: lists }) {
    if (Object.values(lists).some((points) => points.length >= TAIL)) { await this.load(); return; }
    for (const [metric, points] of Object.entries(lists)) this.extend(charts, metric, points);
    for (const chart of charts) chart.upto = lines;
    if (this.added > LIVE_CELLS) this.view.reload();
    else if (this.view.smooth && this.added) this.resmooth();
    this.describeMarks();
    this.redraw();
  }

  reclock() {
    if (this.reclocking) return;
    this.reclocking = setTimeout(async () => {
      this.reclocking = 0;
      await this.renew().catch(() => {});
      await this.load();
    }, 1000);
  }

  // The mean of a curve changes up to its end.
  resmooth() {
    this.resmoothing ||= setTimeout(async () => {
      this.resmoothing = 0;
      if (this.loading) return;
      const mine = this.sequence, charts = this.drawn();
      const found = await this.means(charts).catch(() => null);
      if (mine !== this.sequence || !found) return;
      this.takeMeans(charts, found);
      this.redraw();
    }, 3000);
  }

  extend(charts, metric, points) {
    for (const chart of charts) {
      const curve = chart.data.get(metric);
      if (!curve) continue;
      for (const [line, step, value] of points) {
        if (line <= curve.last_line) continue;
        const x = this.view.axis === "step" ? step : line;
        let part = curve.parts.at(-1);
        if (!part || x < part.x1.at(-1)) {
          part = { x0: [], x1: [], first: [], low: [], high: [], last: [], bad: new Map(), first_line: line };
          curve.parts.push(part);
        }
        const v = value ?? NaN;
        part.x0.push(x); part.x1.push(x);
        part.first.push(v); part.low.push(v); part.high.push(v); part.last.push(v);
        if (value === null) part.bad.set(part.x0.length - 1, 1);
        curve.records += 1;
        curve.last_line = line;
        curve.span = [Math.min(curve.span[0], x), Math.max(curve.span[1], x)];
        this.view.span = [Math.min(this.view.span[0], x), Math.max(this.view.span[1], x)];
        this.added = (this.added ?? 0) + 1;
      }
    }
  }

  close() {
    this.closed = true;
    this.watching?.disconnect();
    clearTimeout(this.resmoothing);
    clearTimeout(this.reclocking);
  }

  title() { return this.facts ? `${this.name}${this.facts.val_loss ? ` val ${number(this.facts.val_loss)}` : ""}` : this.name; }

  restyle() { this.view.forget(); this.redraw(); }
}
