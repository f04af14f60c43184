// Small pieces that several views show.
import { copy, h, svg } from "./dom.js";
import { integer, t } from "./words.js";

const SIGNS = { new: "○", running: "●", quiet: "◌", stalled: "◐", crashed: "✕", finished: "✓", stopped: "■", replaced: "↺", unwatched: "–" };

export const pill = (state) => h("span", { class: "pill", "data-state": state }, h("i", { "aria-hidden": "true" }, SIGNS[state] ?? "?"), t(state));

export function alertBox(alert, onopen, run) {
  const when = alert.since_step !== null && alert.since_step !== undefined ? t("since step {step}", { step: integer(alert.since_step) }) : t("at step {step}", { step: integer(alert.step) });
  const silence = `gptwatch silence ${quoted(run ?? "'*'")} ${alert.rule} --for 2h`;
  return h("article", { class: "alert", "data-severity": alert.severity, "data-over": alert.cleared_step !== null && alert.cleared_step !== undefined },
    h("header", {}, h("b", {}, t(alert.severity)), " ", h("span", { class: "rule" }, t(alert.rule.replaceAll("_", " "))), run ? [" ", h("a", { href: `#/run/${encodeURIComponent(run).replaceAll("%2F", "/")}` }, run)] : null,
      " ", h("button", { type: "button", class: "quiet", onclick: onopen }, alert.line ? `${when} · ${t("line")} ${integer(alert.line)}` : when)),
    h("p", {}, alert.message),
    alert.advice ? h("p", { class: "advice" }, alert.advice) : null,
    run ? h("button", { type: "button", class: "quiet command", title: t("copy"), onclick: () => copy(silence, t("copied")) }, h("code", {}, silence)) : null);
}

const quoted = (text) => (/^[\w.,/@%+=:-]+$/.test(text) || text === "'*'" ? text : `'${text.replaceAll("'", "'\\''")}'`);

export function spark(points, best) {
  const W = 96, H = 20;
  const root = svg("svg", { viewBox: `0 0 ${W} ${H}`, width: W, height: H, class: "spark", "aria-hidden": "true" });
  if (points.length < 2) return root;
  const xs = points.map((p) => p[0]), sorted = points.map((p) => p[1]).sort((a, b) => a - b);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)], low = sorted[0];
  const high = Math.max(sorted[Math.floor(0.9 * (sorted.length - 1))], low + Math.abs(low) * 1e-9);
  const x = (v) => 3 + ((v - x0) / (x1 - x0 || 1)) * (W - 6);
  const y = (v) => H - 3 - (Math.min(v - low, high - low) / (high - low || 1)) * (H - 6);
  root.append(svg("polyline", { points: points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" ") }));
  const mark = points.reduce((a, b) => (b[1] < a[1] ? b : a));
  if (best !== null && best !== undefined) root.append(svg("circle", { cx: x(mark[0]).toFixed(1), cy: y(mark[1]).toFixed(1), r: 2.2 }));
  return root;
}
