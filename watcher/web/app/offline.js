// The data of a report in one file: what net.js asks of a server, from columns inside.
import { t } from "./words.js";

const data = JSON.parse(document.getElementById("data").textContent);
const columns = new Map();

async function unpacked({ text, kind, scale }) {
  const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  if (kind === "float64") return new Float64Array(buffer);
  const whole = new Int32Array(buffer);
  const found = new Float64Array(whole.length);
  if (kind === "delta") {
    let sum = 0;
    for (let i = 0; i < whole.length; i += 1) found[i] = sum += whole[i];
  } else {
    for (let i = 0; i < whole.length; i += 1) found[i] = whole[i] === -2147483648 ? NaN : whole[i] / scale;
  }
  return found;
}

async function column(metric) {
  if (!columns.has(metric)) {
    const packed = data.columns[metric];
    columns.set(metric, packed ? Promise.all([packed.lines, packed.steps, packed.values].map(unpacked)).then(([lines, steps, values]) => ({ lines, steps, values })) : null);
  }
  return columns.get(metric);
}

// Where steps go back, and where the run was resumed.
function cuts({ lines, steps }) {
  const found = [0];
  const begins = data.facts.stretches.map((s) => s.first_line);
  let next = 1;
  for (let i = 1; i < steps.length; i += 1) {
    const begun = next < begins.length && lines[i] >= begins[next];
    while (next < begins.length && lines[i] >= begins[next]) next += 1;
    if (begun || steps[i] < steps[i - 1]) found.push(i);
  }
  found.push(steps.length);
  return found;
}

function search(keys, key, from, to) {
  let [a, b] = [from, to];
  while (a < b) {
    const m = (a + b) >> 1;
    if (keys[m] < key) a = m + 1;
    else b = m;
  }
  return a;
}

function smoothed(values, window, from, to) {
  const half = window >> 1, found = new Float64Array(to - from);
  const sums = new Float64Array(to - from + 1), counts = new Float64Array(to - from + 1);
  for (let i = from; i < to; i += 1) {
    const fine = Number.isFinite(values[i]);
    sums[i - from + 1] = sums[i - from] + (fine ? values[i] : 0);
    counts[i - from + 1] = counts[i - from] + fine;
  }
  for (let i = 0; i < found.length; i += 1) {
    const reach = Math.min(i, found.length - 1 - i, half);
    found[i] = (sums[i + reach + 1] - sums[i - reach]) / (counts[i + reach + 1] - counts[i - reach]);
  }
  return found;
}

// First, low, high and last of each pixel, as the server gives them.
function cells(keys, values, from, to, low, high, view) {
  const part = { x0: [], x1: [], first: [], low: [], high: [], last: [], bad: new Map() };
  const map = view.logx ? (x) => Math.log10(Math.max(x, 1)) : (x) => x;
  const [a, b] = [map(low), map(high)];
  const begin = Math.max(search(keys, low, from, to) - 1, from);
  let slot = NaN;
  for (let i = begin; i < to; i += 1) {
    const at = Math.floor(((map(keys[i]) - a) / (b - a || 1)) * view.width);
    if (at !== slot) {
      slot = at;
      part.x0.push(keys[i]);
      part.x1.push(keys[i]);
      for (const name of ["first", "low", "high", "last"]) part[name].push(NaN);
    }
    const n = part.x0.length - 1, value = values[i];
    part.x1[n] = keys[i];
    if (Number.isFinite(value)) {
      if (Number.isNaN(part.first[n])) part.first[n] = part.low[n] = part.high[n] = value;
      part.low[n] = Math.min(part.low[n], value);
      part.high[n] = Math.max(part.high[n], value);
      part.last[n] = value;
    } else part.bad.set(n, (part.bad.get(n) ?? 0) + 1);
    if (keys[i] > high) break;
  }
  return part;
}

export async function curves(run, metrics, view) {
  const found = [];
  for (const metric of metrics) {
    const whole = await column(metric);
    if (!whole?.steps.length) continue;
    const keys = view.axis === "step" ? whole.steps : whole.lines;
    const edges = cuts(whole);
    const ends = edges.slice(1).map((end, i) => [keys[edges[i]], keys[end - 1]]);
    const span = [Math.min(...ends.map((e) => e[0])), Math.max(...ends.map((e) => e[1]))];
    const [low, high] = [view.from ?? span[0], view.to ?? span[1]];
    const parts = [];
    ends.forEach(([first, last], i) => {
      if (first > high || last < low) return;
      const [from, to] = [edges[i], edges[i + 1]];
      const values = view.smooth > 1 ? smoothed(whole.values, view.smooth, from, to) : whole.values.subarray(from, to);
      parts.push({ first_line: whole.lines[from], ...cells(keys.subarray(from, to), values, 0, to - from, low, high, view) });
    });
    found.push({ metric, records: whole.steps.length, last_line: whole.lines.at(-1), span, parts });
  }
  return { lines: data.lines, curves: found };
}

async function point(metrics, axis, key) {
  const points = {};
  for (const metric of metrics) {
    const whole = await column(metric);
    if (!whole?.steps.length) continue;
    const keys = axis === "step" ? whole.steps : whole.lines;
    let best = 0;
    for (let i = 0; i < keys.length; i += 1) if (Math.abs(keys[i] - key) <= Math.abs(keys[best] - key)) best = i;
    points[metric] = [whole.lines[best], whole.steps[best], whole.values[best]];
  }
  return { points, seen_at: null };
}

export async function ask(path, params) {
  if (path === "run") return data.facts;
  if (path === "point") return point(params.m, "line" in params ? "line" : "step", params.line ?? params.step);
  throw new Error(t("the report holds no lines of the log"));
}

export const address = () => null;
export const facts = data.facts;
export const appearance = data.theme;
