// A plot on a canvas: cells of a curve (first, low, high, last), exact to the pixel.
import { axisText, keyText, logTicks, tickText, ticks, timeTicks } from "./axis.js";
import { h, fill } from "./dom.js";
import { listen } from "./gestures.js";
import { figure, integer, number, t } from "./words.js";

const LEFT = 58, RIGHT = 14, TOP = 10, BOTTOM = 24;
const DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3]];
const MARKED = 160;

function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(share * (sorted.length - 1))))];
}

export class Chart {
  // series: [{metric, label, colour, dash, smooth}]; what is seen is that of the shared view.
  constructor({ title, unit = "", series, view, hero = false, robust = true, pauses = false, onpoint }) {
    Object.assign(this, { title, unit, series, view, hero, robust, pauses, onpoint });
    this.form = ["nats/token", "bits/byte"].includes(unit) || hero ? number : figure;
    this.data = new Map();
    this.marks = [];
    this.full = false;
    this.visible = true;
    this.legend = h("div", { class: "legend" });
    this.canvas = h("canvas", { role: "img", tabindex: "0", "aria-label": title });
    this.plot = h("div", { class: "plot" }, this.canvas);
    this.tableButton = h("button", { type: "button", class: "quiet", onclick: () => this.toggleTable() }, t("table"));
    this.fullButton = h("button", { type: "button", class: "quiet", hidden: true, "aria-pressed": "false", onclick: () => this.toggleFull() }, t("full range"));
    this.numbers = h("div", { class: "numbers", hidden: true });
    this.root = h("section", { class: hero ? "chart hero" : "chart", "aria-label": title },
      h("header", {}, h("h3", {}, title, unit ? h("small", {}, ` ${t(unit)}`) : null), this.fullButton, this.tableButton), this.legend,
      this.plot, this.numbers);
    listen(this);
    new ResizeObserver(() => this.resize()).observe(this.plot);
  }

  get metrics() { return this.series.map((s) => s.metric); }

  set(metric, curve, smooth = false) {
    this.data.set(smooth ? `${metric}~` : metric, curve);
  }

  resize() {
    const { clientWidth: w, clientHeight: height } = this.plot;
    if (!w || !height) return;
    const ratio = window.devicePixelRatio || 1;
    this.width = w;
    this.height = height;
    this.canvas.width = Math.round(w * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.ratio = ratio;
    this.draw();
  }

  // Cells that are at least partly in the window, of all drawn curves.
  *seen() {
    const { from, to } = this.view.window();
    for (const series of this.series) {
      for (const kind of ["", "~"]) {
        const curve = this.data.get(series.metric + kind);
        if (!curve) continue;
        for (const part of curve.parts) {
          for (let i = 0; i < part.x0.length; i += 1) {
            if (part.x1[i] >= from && part.x0[i] <= to) yield [part, i, curve, series];
          }
        }
      }
    }
  }

  // Each curve has its own range: ten evaluations are no outliers of a thousand losses.
  limits() {
    const known = new Map();
    for (const [part, i, , series] of this.seen()) {
      if (!Number.isFinite(part.low[i]) || (this.logy() && part.low[i] <= 0)) continue;
      if (!known.has(series)) known.set(series, []);
      known.get(series).push(part.low[i], part.high[i]);
    }
    this.cropped = false;
    if (!known.size) return [0, 1];
    const whole = [...known.values()].map((values) => values.sort((a, b) => a - b));
    const ranges = whole.map((values) => this.range(values));
    const low = Math.min(...ranges.map((r) => r[0])), high = Math.max(...ranges.map((r) => r[1]));
    this.cropped = whole.some((values) => values[0] < low || values.at(-1) > high);
    if (this.logy()) return low === high ? [low / 2, high * 2] : [low * 0.95, high * 1.05];
    const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
    return [low - room, high + room];
  }

  range(sorted) {
    let [low, high] = [sorted[0], sorted.at(-1)];
    if (!this.robust || this.full || sorted.length <= 20) return [low, high];
    const a = quantile(sorted, 0.01), b = quantile(sorted, 0.97);
    const span = Math.max(b - a, Math.abs(b) * 1e-6, 1e-12);
    // What takes three typical times holds an evaluation, not an iteration.
    if (this.pauses) high = Math.min(high, 3 * quantile(sorted, 0.25));
    if (high > b + span) high = b + span * 0.1;
    if (low < a - span) low = a - span * 0.1;
    return [low, high];
  }

  logy() { return this.view.logy && this.positive(); }

  positive() {
    for (const curve of this.data.values()) {
      for (const part of curve.parts) if (part.low.some((v) => v > 0)) return true;
    }
    return false;
  }

  scales() {
    const { from, to } = this.view.window();
    const [low, high] = this.limits();
    const right = this.width - RIGHT, bottom = this.height - BOTTOM;
    const fx = this.view.isLog ? (x) => Math.log10(Math.max(x, 1)) : (x) => x;
    const fy = this.logy() ? (y) => Math.log10(Math.max(y, 1e-300)) : (y) => y;
    const [a, b] = [fx(from), fx(to)], [c, d] = [fy(low), fy(high)];
    const x = (v) => LEFT + ((fx(v) - a) / (b - a || 1)) * (right - LEFT);
    const y = (v) => bottom - ((fy(v) - c) / (d - c || 1)) * (bottom - TOP);
    const back = (px) => {
      const v = a + ((px - LEFT) / (right - LEFT)) * (b - a);
      return this.view.isLog ? 10 ** v : v;
    };
    return { x, y, back, from, to, low, high, right, bottom };
  }

  draw() {
    if (!this.width || !this.visible) return;
    const g = this.canvas.getContext("2d");
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.clearRect(0, 0, this.width, this.height);
    const s = this.scale = this.scales();
    const c = this.view.colours();
    g.font = `11px ${c.font}`;
    this.drawGrid(g, s, c);
    g.save();
    g.beginPath();
    g.rect(LEFT, TOP - 4, s.right - LEFT, s.bottom - TOP + 4);
    g.clip();
    this.drawMarks(g, s, c);
    for (const series of this.series) this.drawSeries(g, s, c, series);
    this.drawBest(g, s, c);
    g.restore();
    this.drawOutside(g, s, c);
    this.drawCursor(g, s, c);
    this.fullButton.hidden = !(this.cropped || this.full);
    if (![...this.data.values()].some((curve) => curve.records)) {
      g.fillStyle = c.muted;
      g.textAlign = "center";
      g.fillText(t("not in this log"), (LEFT + s.right) / 2, (TOP + s.bottom) / 2);
    }
    this.drawLegend();
  }

  drawGrid(g, s, c) {
    g.lineWidth = 1;
    g.textBaseline = "middle";
    g.textAlign = "right";
    const rows = this.logy() ? logTicks(s.low, s.high) : ticks(s.low, s.high, Math.max(3, (s.bottom - TOP) / 30));
    for (const value of rows) {
      const y = Math.round(s.y(value)) + 0.5;
      g.strokeStyle = c.grid;
      g.beginPath();
      g.moveTo(LEFT, y);
      g.lineTo(s.right, y);
      g.stroke();
      g.fillStyle = c.muted;
      g.fillText(tickText(value, rows), LEFT - 6, y);
    }
    g.strokeStyle = c.muted;
    g.beginPath();
    g.moveTo(LEFT, s.bottom + 0.5);
    g.lineTo(s.right, s.bottom + 0.5);
    g.stroke();
    g.textBaseline = "top";
    const { axis, isLog, isTime } = this.view, room = Math.max(2, (s.right - LEFT) / 90);
    const columns = isLog ? logTicks(Math.max(s.from, 1), s.to) : isTime ? timeTicks(s.from, s.to, room, axis === "time") : ticks(s.from, s.to, room);
    for (const value of columns) {
      const x = s.x(value);
      if (x < LEFT - 1 || x > s.right + 1) continue;
      g.fillStyle = c.muted;
      g.textAlign = x > s.right - 24 ? "right" : "center";
      g.fillText(axisText(axis, value, columns), Math.min(x, s.right), s.bottom + 6);
      g.fillRect(Math.round(x), s.bottom, 1, 3);
    }
  }

  drawMarks(g, s, c) {
    let told = -Infinity;
    for (const mark of this.marks) {
      if (mark.kind === "zone") {
        const a = s.x(mark.from), b = s.x(mark.to);
        if (b < LEFT || a > s.right) continue;
        g.fillStyle = c.zone;
        g.fillRect(Math.max(a, LEFT), TOP - 4, Math.min(b, s.right) - Math.max(a, LEFT), s.bottom);
        if (this.hero) {
          g.fillStyle = c.val;
          g.textBaseline = "top";
          const wide = g.measureText(mark.text).width + 8;
          g.textAlign = Math.max(a, LEFT) + wide > s.right ? "right" : "left";
          g.fillText(mark.text, g.textAlign === "right" ? s.right - 4 : Math.max(a, LEFT) + 5, TOP);
        }
      } else if (mark.kind === "cut") {
        const x = Math.round(s.x(mark.at)) + 0.5;
        g.strokeStyle = c.muted;
        g.setLineDash([2, 3]);
        g.beginPath();
        g.moveTo(x, TOP - 4);
        g.lineTo(x, s.bottom);
        g.stroke();
        g.setLineDash([]);
        if (this.hero && x > LEFT && x < s.right && Math.abs(x - told) > 70) {
          told = x;
          g.fillStyle = c.muted;
          g.textBaseline = "bottom";
          g.textAlign = x > s.right - 80 ? "right" : "left";
          g.fillText(mark.text, x + (g.textAlign === "right" ? -4 : 4), s.bottom - 3);
        }
      } else {
        g.fillStyle = c.muted;
        g.fillRect(Math.round(s.x(mark.at)), s.bottom - 5, 1, 5);
      }
    }
  }

  drawSeries(g, s, c, series) {
    const raw = this.data.get(series.metric), smooth = this.data.get(`${series.metric}~`);
    const colour = c[series.colour] ?? series.colour;
    g.strokeStyle = g.fillStyle = colour;
    g.lineJoin = "round";
    g.setLineDash(DASHES[series.dash ?? 0]);
    const faint = series.faint ? 0.22 : 1;
    if (raw) this.drawCurve(g, s, raw, faint * (smooth ? 0.32 : 1), smooth ? 1 : series.bold ? 1.8 : 1.1, series.marker);
    if (smooth) this.drawCurve(g, s, smooth, faint, series.picked ? 2.6 : 1.9, false);
    g.setLineDash([]);
    g.globalAlpha = 1;
  }

  drawCurve(g, s, curve, alpha, width, marker) {
    let redone = Infinity;
    const limits = curve.parts.map(() => Infinity);
    // Steps that a later part trains again are faint.
    for (let i = curve.parts.length - 1; i >= 0; i -= 1) {
      limits[i] = redone;
      redone = Math.min(redone, curve.parts[i].x0[0]);
    }
    curve.parts.forEach((part, n) => {
      const end = this.view.axis === "step" ? limits[n] : Infinity;
      const cut = part.x0.findIndex((x) => x >= end);
      const solid = cut < 0 ? part.x0.length : cut;
      g.lineWidth = width;
      g.globalAlpha = alpha;
      this.path(g, s, part, 0, solid, marker);
      if (cut >= 0) {
        g.globalAlpha = alpha * 0.28;
        this.path(g, s, part, Math.max(cut - 1, 0), part.x0.length, false);
      }
    });
  }

  path(g, s, part, start, stop, marker) {
    g.beginPath();
    let pen = false, shown = 0;
    for (let i = start; i < stop; i += 1) {
      if (!Number.isFinite(part.first[i])) { pen = false; continue; }
      const a = s.x(part.x0[i]), b = s.x(part.x1[i]);
      if (pen) g.lineTo(a, s.y(part.first[i]));
      else g.moveTo(a, s.y(part.first[i]));
      pen = true;
      if (part.low[i] !== part.high[i]) {
        const middle = (a + b) / 2;
        g.lineTo(middle, s.y(part.high[i]));
        g.lineTo(middle, s.y(part.low[i]));
      }
      g.lineTo(b, s.y(part.last[i]));
      shown += b >= LEFT && a <= s.right;
    }
    g.stroke();
    if (shown > MARKED || (!marker && shown > 1)) return;
    for (let i = start; i < stop; i += 1) {
      if (!Number.isFinite(part.last[i])) continue;
      g.beginPath();
      g.arc(s.x(part.x1[i]), s.y(part.last[i]), shown > 60 ? 1.6 : 2.6, 0, 7);
      g.fill();
    }
  }

  drawBest(g, s, c) {
    if (!this.best) return;
    const x = s.x(this.best.step), y = s.y(this.best.value);
    if (x < LEFT || x > s.right || y < TOP - 4 || y > s.bottom) return;
    g.strokeStyle = c.ink;
    g.lineWidth = 1.4;
    g.beginPath();
    g.arc(x, y, 5, 0, 7);
    g.stroke();
    const text = t("best {value} at step {step}", { value: number(this.best.value), step: integer(this.best.step) });
    const wide = g.measureText(text).width;
    g.textAlign = x + wide / 2 > s.right ? "right" : x - wide / 2 < LEFT ? "left" : "center";
    g.textBaseline = "bottom";
    const px = g.textAlign === "right" ? s.right - 2 : g.textAlign === "left" ? LEFT + 2 : x;
    const py = y - 20 > TOP ? y - 10 : y + 24;
    g.lineWidth = 3;
    g.strokeStyle = c.paper;
    g.strokeText(text, px, py);
    g.fillStyle = c.ink;
    g.fillText(text, px, py);
  }

  // Nothing is left out unseen: what the range crops, and what is no number.
  drawOutside(g, s, c) {
    const above = new Map(), below = new Map(), bad = new Map();
    for (const [part, i] of this.seen()) {
      const slot = Math.round(s.x((part.x0[i] + part.x1[i]) / 2) / 12);
      if (part.high[i] > s.high) above.set(slot, (above.get(slot) ?? 0) + 1);
      if (part.low[i] < s.low) below.set(slot, (below.get(slot) ?? 0) + 1);
      if (part.bad.get(i)) bad.set(slot, (bad.get(slot) ?? 0) + part.bad.get(i));
    }
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillStyle = c.ink;
    for (const slot of above.keys()) g.fillText("▲", slot * 12, TOP);
    for (const slot of below.keys()) g.fillText("▼", slot * 12, s.bottom - 6);
    g.fillStyle = c.critical;
    for (const slot of bad.keys()) g.fillText("×", slot * 12, s.bottom - 1);
    this.outside = above.size + below.size;
    if (this.outside) {
      const n = [...above.values(), ...below.values()].reduce((a, b) => a + b, 0);
      g.fillStyle = c.muted;
      g.textAlign = "right";
      g.fillText(t("{n} outside", { n: integer(n) }), s.right, TOP + 13);
    }
  }

  drawCursor(g, s, c) {
    const { cursor, drag } = this.view;
    if (drag?.chart === this) {
      g.fillStyle = c.select;
      g.fillRect(Math.min(drag.a, drag.b), TOP, Math.abs(drag.b - drag.a), s.bottom - TOP);
    }
    if (cursor === null) return;
    const x = Math.round(s.x(cursor.x)) + 0.5;
    if (x < LEFT || x > s.right) return;
    g.strokeStyle = c.ink;
    g.globalAlpha = 0.55;
    g.lineWidth = 1;
    g.beginPath();
    g.moveTo(x, TOP - 4);
    g.lineTo(x, s.bottom);
    g.stroke();
    g.globalAlpha = 1;
  }

  drawLegend() {
    const shown = [];
    for (const series of this.series) {
      const curve = this.data.get(series.metric);
      if (!curve || !curve.records) continue;
      const value = this.view.cursor ? this.valueAt(series, curve) : this.lastOf(curve);
      shown.push([series, value]);
    }
    const key = JSON.stringify(shown.map(([s, v]) => [s.metric, v, s.picked]));
    if (key === this.legendKey) return;
    this.legendKey = key;
    fill(this.legend, shown.map(([series, value]) => {
      const item = h(series.onpick ? "button" : "span", { class: "key", "data-colour": series.colour, "data-dash": series.dash, "aria-pressed": series.onpick ? String(Boolean(series.picked)) : null, onclick: series.onpick });
      if (series.colour.startsWith("#")) item.style.setProperty("--key", series.colour);
      item.append(h("i", {}), h("span", {}, series.label), h("b", {}, value));
      return item;
    }));
    const text = shown.map(([series, value]) => `${series.label} ${value}`).join(", ");
    this.canvas.setAttribute("aria-label", `${this.title}: ${text}`);
  }

  valueAt(series, curve) {
    const exact = this.view.cursor.points?.[series.metric];
    if (exact) return this.form(exact[2]);
    const found = nearest(curve, this.view.cursor.x);
    if (!found) return "";
    const [part, i] = found;
    const { low, high } = { low: part.low[i], high: part.high[i] };
    return low === high ? this.form(low) : `${this.form(low)}–${this.form(high)}`;
  }

  lastOf(curve) {
    const part = curve.parts.at(-1);
    return part ? this.form(part.last.at(-1)) : "";
  }

  toggleFull() {
    this.full = !this.full;
    this.fullButton.setAttribute("aria-pressed", String(this.full));
    this.draw();
  }

  toggleTable() {
    this.numbers.hidden = !this.numbers.hidden;
    this.plot.hidden = !this.numbers.hidden;
    if (!this.numbers.hidden) this.fillTable();
    else this.resize();
  }

  fillTable() {
    const rows = [];
    for (const series of this.series) {
      const curve = this.data.get(series.metric);
      const { from, to } = this.view.window();
      for (const part of curve?.parts ?? []) {
        const every = Math.ceil(part.x0.length / 100);
        for (let i = 0; i < part.x0.length; i += every) {
          if (part.x1[i] < from || part.x0[i] > to) continue;
          rows.push(h("tr", {}, h("td", {}, series.label), h("td", {}, keyText(this.view.axis, part.x1[i])), [part.last[i], part.low[i], part.high[i]].map((v) => h("td", {}, this.form(v)))));
        }
      }
    }
    fill(this.numbers, h("table", {}, h("thead", {}, h("tr", {}, ["", t(this.view.axis), t("value"), "min", "max"].map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, rows)));
  }

  // The curve that runs nearest to a place: people point at it.
  curveAt(px, py) {
    const { x, y, back } = this.scale;
    let best = null, distance = 24;
    for (const series of this.series) {
      const curve = this.data.get(`${series.metric}~`) ?? this.data.get(series.metric);
      const found = curve && nearest(curve, back(px));
      if (!found) continue;
      const [part, i] = found;
      const ways = [[x(part.x0[i]), y(part.low[i]), x(part.x1[i]), y(part.high[i])]];
      for (const n of [i - 1, i]) {
        if (n >= 0 && n + 1 < part.x0.length) ways.push([x(part.x1[n]), y(part.last[n]), x(part.x0[n + 1]), y(part.first[n + 1])]);
      }
      const away = Math.min(...ways.map((way) => toSegment(px, py, ...way)));
      if (away < distance) { best = series; distance = away; }
    }
    return best;
  }

  // The crosshair stands on points, not between them.
  point(px) {
    const x = this.scale.back(px);
    let best = null;
    for (const series of this.series) {
      const curve = this.data.get(series.metric);
      const found = curve && nearest(curve, x);
      if (!found) continue;
      const [part, i] = found;
      const own = x > (part.x0[i] + part.x1[i]) / 2 ? part.x1[i] : part.x0[i];
      if (best === null || Math.abs(own - x) < Math.abs(best - x)) best = own;
    }
    if (best !== null) this.view.point(best);
  }
}

// The cell at a key, or the one nearest to it; of parts with the key the last counts.
export function nearest(curve, x) {
  let best = null, distance = Infinity;
  for (let p = curve.parts.length - 1; p >= 0; p -= 1) {
    const part = curve.parts[p];
    let a = 0, b = part.x1.length - 1;
    while (a < b) {
      const m = (a + b) >> 1;
      if (part.x1[m] < x) a = m + 1;
      else b = m;
    }
    for (const i of [a - 1, a]) {
      if (i < 0) continue;
      const away = Math.max(part.x0[i] - x, x - part.x1[i], 0);
      if (away < distance) { best = [part, i]; distance = away; }
    }
    if (distance === 0) return best;
  }
  return best;
}

function toSegment(px, py, ax, ay, bx, by) {
  const [dx, dy] = [bx - ax, by - ay];
  const share = Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(px - ax - share * dx, py - ay - share * dy);
}
