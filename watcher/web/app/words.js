// What the page says, and how it writes numbers, in the chosen language.
const given = document.getElementById("words"); // of a report in one file
let { words, lang: chosen, version: built } = given ? JSON.parse(given.textContent) : { words: {}, lang: "", version: "" };
export let lang = chosen; // "" until it is known: as the browser asks
export let version = built;

export async function choose(wanted) {
  const answer = await fetch(`/api/1/words${wanted ? `?lang=${wanted}` : ""}`);
  ({ words, lang, version } = await answer.json());
  document.documentElement.lang = lang;
}

export function t(phrase, values = {}) {
  return (words[phrase] ?? phrase).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function grouped(text) {
  const [, sign, whole, rest] = /^(-?)(\d+)(.*)$/.exec(text) ?? [];
  if (whole === undefined) return text;
  if (lang === "ru" && whole.length <= 4) return text;
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, lang === "ru" ? "\u00a0" : ",") + rest;
}

export const integer = (value) => (value === null || value === undefined ? "" : grouped(value.toFixed(0)));

export function number(value) {
  if (value === null || value === undefined) return "";
  if (typeof value !== "number" || !Number.isFinite(value)) return "NaN";
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return grouped(size < 1000 ? value.toFixed(4) : value.toFixed(1));
}

// Times, shares, rates: four digits.
export function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return number(value);
  const size = Math.abs(value);
  if (size >= 1e6 || (size > 0 && size < 1e-3)) return value.toExponential(2);
  return grouped(size >= 1000 ? value.toFixed(0) : String(+value.toPrecision(4)));
}

export function short(value) {
  if (value === null || value === undefined) return "";
  for (const [size, unit] of [[1e9, "B"], [1e6, "M"], [1e3, "K"]]) {
    if (Math.abs(value) >= size) return (value / size).toPrecision(3) + unit;
  }
  return value.toPrecision(3);
}

export function seconds(value) {
  if (value === null || value === undefined) return "";
  for (const [size, unit, small, smaller] of [[86400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]]) {
    if (Math.round(value / small) * small >= size) {
      const whole = Math.round(value / small) * small;
      const rest = Math.round((whole % size) / small);
      return `${Math.floor(whole / size)}\u00a0${t(unit)}${rest ? `\u00a0${rest}\u00a0${t(smaller)}` : ""}`;
    }
  }
  return `${value.toPrecision(3)}\u00a0${t("s")}`;
}

export function bytes(value) {
  for (const [size, unit] of [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"]]) {
    if (value >= size) return `${(value / size).toPrecision(3)}\u00a0${unit}`;
  }
  return value ? `${value}\u00a0B` : "";
}

export const clock = (at) => new Date(at * 1000).toLocaleString(lang, { dateStyle: "medium", timeStyle: "medium" });
