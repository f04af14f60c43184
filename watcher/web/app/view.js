// What all charts of a page share: the window, the crosshair, how axes run.
const COLOURS = ["paper", "ink", "muted", "grid", "train", "val", "zone", "select", "critical"];

export class View {
  constructor({ redraw, reload, moved }) {
    Object.assign(this, { redraw, reload, moved });
    this.from = this.to = null; // null: as far as there are points
    this.span = [0, 1];
    this.axis = "step";
    this.logx = this.logy = false;
    this.smooth = 0;
    this.cursor = null;
    this.drag = null;
  }

  window() {
    const low = this.isLog ? Math.max(this.span[0], 1) : this.span[0];
    const from = this.from ?? low;
    const to = this.to ?? this.span[1];
    return { from, to: to > from ? to : from + 1 };
  }

  get isTime() { return this.axis === "time" || this.axis === "active"; }

  // A logarithm of the date says nothing.
  get isLog() { return this.logx && this.axis !== "time"; }

  get follows() { return this.to === null; }

  colours() {
    if (!this.known) {
      const style = getComputedStyle(document.documentElement);
      this.known = Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
      this.known.font = style.getPropertyValue("--font").trim();
    }
    return this.known;
  }

  forget() { this.known = null; }

  zoom(a, b) {
    const [low, high] = this.span;
    const least = Math.max((high - low) * 1e-9, this.isTime ? 0.01 : 2);
    if (b - a < least) { const m = (a + b) / 2; a = m - least / 2; b = m + least / 2; }
    this.from = a <= low ? null : a;
    // What reaches the end goes on with it.
    this.to = b >= high ? null : b;
    this.changed();
  }

  zoomAt(x, factor) {
    const { from, to } = this.window();
    if (this.isLog) {
      const [a, m, b] = [from, x, to].map((v) => Math.log10(Math.max(v, 1)));
      this.zoom(10 ** (m - (m - a) * factor), 10 ** (m + (b - m) * factor));
      return;
    }
    this.zoom(x - (x - from) * factor, x + (to - x) * factor);
  }

  pan(before, a, b, chart) {
    const { scale } = chart;
    const wide = before.to - before.from;
    const by = ((a - b) / (scale.right - 58)) * wide;
    const [low, high] = this.span;
    const from = Math.min(Math.max(before.from + by, low), Math.max(high - wide, low));
    this.from = from;
    this.to = from + wide >= high ? null : from + wide;
    this.changed();
  }

  all() { this.from = this.to = null; this.changed(); }

  follow() {
    if (this.follows) { this.to = this.span[1]; } else {
      const { from, to } = this.window();
      if (this.from !== null) this.from = Math.max(this.span[0], this.span[1] - (to - from));
      this.to = null;
    }
    this.changed();
  }

  select(drag) { this.drag = drag; this.redraw(); }

  point(x) {
    if (this.cursor?.x === x) return;
    this.cursor = { x };
    this.redraw();
    this.moved();
  }

  changed() { this.redraw(); this.reload(); }
}
