// Where an axis has its ticks, and what stands beside them.
import { clock, integer, lang, seconds, short } from "./words.js";

export function ticks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(count, 1);
  const size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].find((n) => n * size >= raw) * size;
  const found = [];
  for (let n = Math.ceil(low / step); n * step <= high + step * 1e-9; n += 1) found.push(n * step);
  return found;
}

export function logTicks(low, high) {
  const found = [];
  for (let e = Math.floor(Math.log10(low)); e <= Math.ceil(Math.log10(high)); e += 1) {
    for (const n of high / low > 300 ? [1] : [1, 2, 5]) {
      const tick = n * 10 ** e;
      if (tick >= low && tick <= high) found.push(tick);
    }
  }
  return found.length > 1 ? found : ticks(low, high, 4);
}

const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200];

// Seconds of a day or of training; days begin at midnight here.
export function timeTicks(low, high, count, isClock) {
  const raw = (high - low) / Math.max(count, 1);
  const days = [1, 2, 5].flatMap((n) => [1, 10, 100].map((e) => 86400 * n * e)).sort((a, b) => a - b);
  const size = [...SECONDS, ...days].find((s) => s >= raw) ?? 86400 * 1000;
  const shift = isClock ? -60 * new Date(low * 1000).getTimezoneOffset() : 0;
  const found = [];
  for (let n = Math.ceil((low + shift) / size); n * size - shift <= high; n += 1) found.push(n * size - shift);
  return found;
}

export function tickText(value, rows) {
  const size = Math.max(...rows.map(Math.abs));
  if (size >= 1e4) return short(value).replace(/\.(\d*?)0+(?=[KMB]|$)/, (_, rest) => (rest ? `.${rest}` : ""));
  if (size && size < 1e-2) return value ? value.toExponential(1).replace(".0", "") : "0";
  const step = rows.length > 1 ? Math.abs(rows[1] - rows[0]) : size;
  const whole = (d) => Math.abs(step * 10 ** d - Math.round(step * 10 ** d)) < 1e-6;
  return value.toFixed([0, 1, 2, 3].find(whole) ?? 4);
}

// A key of an axis alone, and one beside others.
export function keyText(axis, value) {
  if (axis === "time") return clock(value);
  return axis === "active" ? seconds(value) || "0" : integer(value);
}

export function axisText(axis, value, columns) {
  if (axis === "active") return value ? seconds(value) : "0";
  if (axis !== "time") return stepText(value, columns);
  const at = new Date(value * 1000), step = columns.length > 1 ? columns[1] - columns[0] : 86400;
  const midnight = at.getHours() + at.getMinutes() + at.getSeconds() === 0;
  if (step >= 86400 || midnight) return at.toLocaleDateString(lang, { day: "numeric", month: "short" });
  return at.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit", second: step < 60 ? "2-digit" : undefined });
}

function stepText(value, columns) {
  const step = columns.length > 1 ? columns[1] - columns[0] : value;
  for (const [size, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "K"]]) {
    if (Math.max(...columns) >= size * 10 && step >= size / 100) return value ? `${+(value / size).toFixed(2)}${unit}` : "0";
  }
  return integer(value);
}
