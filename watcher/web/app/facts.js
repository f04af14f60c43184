// What is known of a run, as elements, and the charts that its metrics make.
import { copy, h } from "./dom.js";
import { pill } from "./parts.js";
import { integer, number, seconds, short, t } from "./words.js";

const MILESTONES = 200;

export function heading(name, facts) {
  const planned = facts.max_steps ? ` / ${integer(facts.max_steps)}` : "";
  const figures = [
    facts.step === null ? null : [t("step"), integer(facts.step) + planned],
    facts.loss === null ? null : [t("loss"), number(facts.loss)],
    facts.val_loss === null ? null : [t("val"), number(facts.val_loss)],
    facts.tokens_per_s ? [t("tokens/s"), short(facts.tokens_per_s)] : null,
    facts.eta_s && ["running", "quiet"].includes(facts.state) ? [t("left"), seconds(facts.eta_s)] : null,
    facts.tags?.length ? [t("tags"), facts.tags.join(" ")] : null,
  ].filter(Boolean);
  return [
    h("nav", {}, h("a", { href: "#/" }, t("runs")), " / ",
      h("button", { type: "button", class: "name quiet", title: t("copy"), onclick: () => copy(name, t("copied")) }, name), " ", pill(facts.state)),
    h("h1", {}, facts.headline || name),
    h("dl", { class: "figures" }, figures.map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v)))),
    (facts.notes ?? []).map((text) => h("p", { class: "note" }, text)),
  ];
}

// One for each quantity, the losses together; a metric that has no place is one, too.
export function plots(metrics) {
  const found = [];
  const has = (name) => metrics[name]?.records;
  const plot = (title, names, more = {}) => {
    const series = names.filter(([name]) => has(name)).map(([metric, label, colour, extra]) => ({ metric, label, colour, ...extra }));
    if (!series.length && !more.hero) return;
    found.push({ title: t(title), unit: series.length ? metrics[series[0].metric].unit : "", series, ...more });
  };
  const val = has("val_loss") ? "val_loss" : "val_bpb";
  plot("Losses", [
    ["loss", t("train"), "train", { smooth: true }],
    ["train_loss", has("loss") ? "train (eval)" : t("train"), "train", { dash: has("loss") ? 1 : 0, marker: true }],
    [val, t("val"), "val", { marker: true, bold: true }],
  ], { hero: true });
  plot("Training loss", [["loss", t("train"), "train"]]);
  plot("Iteration time", [["iter_ms", t("value"), "train"]], { pauses: true });
  plot("MFU", [["mfu", t("value"), "train"]]);
  plot("Throughput", [["tokens_per_s", t("value"), "train"]]);
  plot("Learning rate", [["lr", t("value"), "train"]], { robust: false });
  plot("Gradient norm", [["grad_norm", t("value"), "train"]]);
  const used = new Set(found.flatMap((made) => made.series.map((s) => s.metric)));
  for (const name of Object.keys(metrics)) {
    if (!used.has(name)) plot(name, [[name, t("value"), "train"]]);
  }
  return found;
}

export function settings({ hyperparameters }) {
  const found = Object.entries(hyperparameters);
  return h("details", { class: "settings", open: found.length > 0 && found.length < 40 }, h("summary", {}, h("h2", {}, t("Settings"))),
    found.length ? h("dl", { class: "table" }, found.map(([k, v]) => h("div", {}, h("dt", {}, k), h("dd", {}, v)))) : h("p", { class: "muted" }, t("The log states no settings.")));
}

export function milestones({ milestones: found }, onopen) {
  if (!found.length) return null;
  return h("details", { class: "milestones" }, h("summary", {}, h("h2", {}, t("Milestones")), ` ${integer(found.length)}`),
    h("ol", { class: "events" }, found.slice(-MILESTONES).reverse().map((m) => h("li", {},
      h("button", { type: "button", class: "quiet", onclick: () => onopen(m) }, `${t("line")} ${integer(m.line)}`), h("b", {}, m.kind), " ", h("span", {}, m.text)))));
}
