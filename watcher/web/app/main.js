// Routes, keys, and what all views share.
import { $, announce, fill, h } from "./dom.js";
import { Question, later } from "./latest.js";
import { ask, listen, stream } from "./net.js";
import { arrived, here } from "./state.js";
import { choose, lang, t } from "./words.js";

const store = { runs: new Map(), rev: 0, pid: null, notes: [] };
let page = null;
let lastHeard = Date.now();

const kept = {
  get: (name) => { try { return localStorage.getItem(`gptwatch.${name}`); } catch { return null; } },
  set: (name, value) => { try { localStorage.setItem(`gptwatch.${name}`, value); } catch { /* for this visit only */ } },
};

const list = new Question(() => ask("runs", {}));

async function refresh() {
  const answer = await list.ask();
  if (!answer) return;
  const { rev, pid, notes, runs } = answer.found;
  Object.assign(store, { rev, pid, notes, runs: new Map(runs.map((entry) => [entry.run, entry])) });
  answer.events.forEach(merge);
}

// What the list holds already is not set back to what it was.
function merge(message) {
  if (!(message.rev > store.rev)) return false;
  for (const run of message.gone ?? []) store.runs.delete(run);
  for (const [run, changed] of Object.entries(message.runs ?? {})) store.runs.set(run, { ...store.runs.get(run), ...changed });
  Object.assign(store, { rev: message.rev, pid: message.pid });
  return true;
}

// Each view is fetched when it is first opened.
const VIEWS = {
  run: async (name, params) => new (await import("./run.js")).RunPage(name, params, () => import("./lens.js")),
  compare: async (_, params) => new (await import("./compare.js")).ComparePage(params),
  fleet: async (_, params) => new (await import("./fleet.js")).FleetPage(store, params),
};

let routes = 0;

async function route() {
  const { hash } = location, { view, name, params } = here();
  const mine = ++routes;
  const made = await VIEWS[view === "run" && name ? "run" : view === "compare" ? "compare" : "fleet"](name, params).catch((error) => announce(error.message));
  if (mine !== routes || !made) return;
  page?.close();
  page = made;
  arrived(hash);
  $("#page").replaceChildren(page.root);
  page.root.focus({ preventScroll: true });
  window.scrollTo(0, 0);
  page.open().then(title);
}

const SIGNS = { critical: "#C3362B", warning: "#B07400", "": "#198D26", lost: "#8a8f94" };

function title() {
  const alerts = [...store.runs.values()].filter((r) => r.current).flatMap((r) => r.alerts);
  const grave = alerts.some((a) => a.severity === "critical") ? "critical" : alerts.length ? "warning" : "";
  const n = alerts.length;
  document.title = `${n ? `● ${t(n === 1 ? "{n} alert" : "{n} alerts", { n })} · ` : ""}${page?.title() ?? "gptwatch"}`;
  const colour = document.body.classList.contains("lost") ? SIGNS.lost : SIGNS[grave];
  $("#icon").href = `data:image/svg+xml,${encodeURIComponent(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 3q4 9 14 10" fill="none" stroke="#0069A6" stroke-width="2.4"/><circle cx="11.5" cy="4.5" r="4" fill="${colour}"/></svg>`)}`;
}

function banner() {
  const lost = document.body.classList.contains("lost");
  const time = new Date(lastHeard).toLocaleTimeString(lang);
  const text = lost ? t("Connection lost. Last word at {time}.", { time }) : store.pid === null ? t("gptwatch is not running. This is what it knew last.") : store.notes[0] ?? "";
  const place = $("#banner");
  place.textContent = text;
  place.hidden = !text;
}

async function heard(message) {
  if (message.lost) {
    document.body.classList.add("lost");
    banner();
    title();
    return;
  }
  const back = document.body.classList.contains("lost");
  lastHeard = Date.now();
  if (message.found) {
    document.body.classList.remove("lost");
    if (back || message.again) {
      await refresh().catch((error) => announce(error.message));
      page?.heard({ gone: ["?"], runs: Object.fromEntries(store.runs) });
    }
    banner();
    title();
    return;
  }
  if (message.error) { announce(message.error[lang]); return; }
  take(message);
}

function take(message) {
  list.note(message);
  // Before the first answer there is nothing that could have changed.
  if (!store.rev) return;
  const fresh = [];
  for (const [run, changed] of Object.entries(message.runs ?? {})) {
    const known = new Set((store.runs.get(run)?.alerts ?? []).map((a) => `${a.rule}@${a.step}`));
    fresh.push(...(changed.alerts ?? []).filter((a) => !known.has(`${a.rule}@${a.step}`)).map((a) => [run, a]));
  }
  if (!merge(message)) return;
  if (fresh.length) settleAlerts(fresh);
  page?.heard(message);
  banner();
  title();
}

// Events carry alerts in the daemon's language: those of the page's come after.
const translate = later(async () => {
  await refresh().catch(() => {});
  page?.translated?.();
}, 200);

function settleAlerts(fresh) {
  translate();
  if (!("Notification" in window) || Notification.permission !== "granted" || kept.get("notify") !== "1") return;
  for (const [run, alert] of fresh.slice(0, 3)) new Notification(run, { body: alert.message, tag: `${run}${alert.rule}` });
}

const KEYS = [
  ["j / k, ↑ / ↓", "rows"], ["Enter", "open"], ["Esc", "up, close"], ["/", "filter"], ["1–9", "sort by column"], ["Space", "select"], ["c", "compare"],
  ["← / →", "crosshair (Shift: ten times)"], ["Home, End", "first, last point"], ["+ / −", "zoom"], ["0", "whole run"], ["f", "follow"],
  ["l, y", "logarithmic x, y"], ["x", "axis: step, line, time"], ["s", "smoothing"], ["Enter", "log lines at the crosshair"], ["a", "next alert"], ["?", "this sheet"],
  [() => t("drag"), "zoom"], [() => t("Shift and drag"), "move"], [() => t("Ctrl and wheel"), "zoom"], [() => t("double click"), "whole run"], [() => t("two fingers"), "zoom"],
];

function sheet() {
  const dialog = $("#sheet");
  if (dialog.open) { dialog.close(); return; }
  fill(dialog, h("h2", {}, t("keys")), h("dl", {}, KEYS.map(([key, text]) => h("div", {}, h("dt", {}, h("kbd", {}, typeof key === "string" ? key : key())), h("dd", {}, t(text))))), h("form", { method: "dialog" }, h("button", { class: "quiet" }, t("close"))));
  dialog.showModal();
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || $("#sheet").open) return;
  const field = event.target.closest("input, textarea, select");
  if (field && field.type !== "checkbox") {
    if (event.key === "Escape" || (event.key === "Enter" && field.type === "search")) { field.blur(); page.root.focus({ preventScroll: true }); event.preventDefault(); }
    return;
  }
  // What has the focus keeps its own keys.
  if (["Enter", " "].includes(event.key) && event.target.closest("button, a, summary, input")) return;
  if (event.key === "?") { sheet(); event.preventDefault(); return; }
  if (page?.key(event)) event.preventDefault();
}

function theme(value) {
  if (value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = value;
  kept.set("theme", value);
  page?.restyle();
}

function menu() {
  const now = () => kept.get("theme") ?? "auto";
  const next = { auto: "dark", dark: "light", light: "auto" };
  const signs = { auto: "◐", dark: "●", light: "○" };
  const themeButton = h("button", { type: "button", class: "quiet", onclick: () => { theme(next[now()]); themeButton.textContent = `${signs[now()]} ${t("theme")}`; } }, `${signs[now()]} ${t("theme")}`);
  fill($("#menu"),
    h("button", { type: "button", class: "quiet", onclick: () => { kept.set("lang", lang === "ru" ? "en" : "ru"); location.reload(); } }, lang === "ru" ? "English" : "Русский"),
    themeButton,
    "Notification" in window && Notification.permission !== "denied" ? h("button", { type: "button", class: "quiet extra", "aria-pressed": String(kept.get("notify") === "1"), onclick: async (event) => {
      const on = kept.get("notify") !== "1" && (await Notification.requestPermission()) === "granted";
      kept.set("notify", on ? "1" : "0");
      event.target.setAttribute("aria-pressed", String(on));
    } }, t("notify me")) : null,
    h("button", { type: "button", class: "quiet", onclick: sheet }, `? ${t("keys")}`));
}

async function begin() {
  const chosen = kept.get("theme");
  if (chosen && chosen !== "auto") document.documentElement.dataset.theme = chosen;
  const asked = choose(kept.get("lang"));
  if (kept.get("lang")) await asked;
  listen(heard);
  await Promise.all([asked, refresh().catch((error) => announce(error.message))]);
  menu();
  window.addEventListener("hashchange", route);
  document.addEventListener("keydown", keys);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page?.restyle());
  route();
  banner();
  stream(store.rev);
  document.documentElement.dataset.ready = "1";
}

begin();
