// All runs: what needs somebody first, then the table.
import { announce, fill, h } from "./dom.js";
import { link, note } from "./state.js";
import { alertBox, pill, spark } from "./parts.js";
import { bytes, integer, number, seconds, short, t } from "./words.js";

const OVER = new Set(["finished", "stopped", "crashed", "replaced"]);
const GRAVE = { critical: 0, warning: 1, info: 2 };
const COLUMNS = [
  ["run", (r) => r.run], ["state", (r) => r.state], ["step", (r) => r.step], ["loss", (r) => r.loss], ["val", (r) => r.val_loss],
  ["best val", (r) => r.best_val], ["tokens/s", (r) => r.tokens_per_s], ["left", (r) => r.eta_s], ["unread", (r) => r.lag_bytes],
];
const FIELDS = { state: "state", val: "val_loss", loss: "loss", best: "best_val", step: "step", run: "run", format: "format" };

export function fits(entry, filter) {
  return filter.trim().split(/\s+/).filter(Boolean).every((word) => {
    const [, name, operator, wanted] = /^(\w+)(<=|>=|[:<>=])(.+)$/.exec(word) ?? [];
    if (!name || !(name in FIELDS)) return `${entry.run} ${entry.state} ${entry.format} ${entry.tags.join(" ")}`.toLowerCase().includes(word.toLowerCase());
    const value = entry[FIELDS[name]];
    if (operator === ":" || operator === "=") return String(value).toLowerCase().includes(wanted.toLowerCase());
    if (value === null || value === undefined) return false;
    return { "<": value < +wanted, ">": value > +wanted, "<=": value <= +wanted, ">=": value >= +wanted }[operator];
  });
}

export class FleetPage {
  constructor(store, params) {
    this.store = store;
    this.filter = params.get("q") ?? "";
    this.sort = params.get("sort") ?? "";
    this.open_ = new Set(params.getAll("open"));
    this.selected = new Set(params.getAll("sel"));
    this.rows = new Map();
    this.search = h("input", { type: "search", value: this.filter, placeholder: t("filter: words, state:stalled, val<3"), "aria-label": t("filter"), oninput: () => { this.filter = this.search.value; this.layout(); } });
    this.search.value = this.filter;
    this.count = h("small", { class: "muted" });
    this.compare = h("a", { class: "button", hidden: true }, t("compare"));
    this.needs = h("section", { class: "needs", "aria-label": t("Needs you") });
    this.head = h("div", { class: "row head", role: "row" });
    this.table = h("div", { class: "table-body", role: "rowgroup" });
    this.root = h("main", { class: "fleet", tabindex: "-1" }, this.needs,
      h("div", { class: "toolbar" }, this.search, this.count, this.compare),
      h("div", { class: "table fleet-table", role: "table", "aria-label": t("runs") }, this.head, this.table));
    this.table.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (!row || event.target.closest("a, button, input")) return;
      this.current = row.dataset.run;
      this.go();
    });
  }

  async open() { this.layout(); }

  note() {
    note("", "", { q: this.filter, sort: this.sort, open: [...this.open_], sel: [...this.selected] });
  }

  layout() {
    this.layHead();
    this.layNeeds();
    const all = [...this.store.runs.values()];
    const shown = all.filter((r) => fits(r, this.filter));
    this.count.textContent = t("{n} of {all} runs", { n: integer(shown.length), all: integer(all.length) });
    this.order = [];
    const groups = new Map();
    for (const entry of this.sorted(shown)) {
      const folder = entry.run.includes("/") ? entry.run.slice(0, entry.run.lastIndexOf("/")) : "";
      if (!groups.has(folder)) groups.set(folder, []);
      groups.get(folder).push(entry);
    }
    const children = [];
    const folded = !this.filter && shown.length > 25;
    for (const [folder, entries] of groups) {
      if (folder && groups.size > 1) children.push(h("div", { class: "folder", role: "row" }, h("span", { role: "cell" }, `${folder}/`)));
      const over = folded ? entries.filter((e) => OVER.has(e.state) && !e.alerts.length && !this.selected.has(e.run)) : [];
      const hide = over.length > 5 && !this.open_.has(folder || ".");
      for (const entry of entries) {
        if (hide && over.includes(entry)) continue;
        this.order.push(entry.run);
        children.push(this.row(entry));
      }
      if (over.length > 5) {
        children.push(h("div", { class: "fold", role: "row" }, h("span", { role: "cell" }, h("button", { type: "button", class: "quiet", "aria-expanded": String(!hide), onclick: () => { this.toggleFold(folder || "."); } }, `${hide ? "▸" : "▾"} ${t("{n} ended", { n: integer(over.length) })}`))));
      }
    }
    if (!children.length) children.push(h("p", { class: "muted" }, all.length ? t("No run fits the filter.") : t("No runs yet.")));
    fill(this.table, children);
    this.showSelected();
    this.note();
  }

  toggleFold(folder) {
    if (this.open_.has(folder)) this.open_.delete(folder);
    else this.open_.add(folder);
    this.layout();
  }

  sorted(entries) {
    const [name, down] = this.sort.startsWith("-") ? [this.sort.slice(1), -1] : [this.sort, 1];
    const column = COLUMNS.find(([key]) => key === name);
    if (!column) {
      return entries.sort((a, b) => OVER.has(a.state) - OVER.has(b.state) || (b.changed_at ?? 0) - (a.changed_at ?? 0));
    }
    const value = column[1];
    return entries.sort((a, b) => {
      const [p, q] = [value(a), value(b)];
      const none = (v) => v === null || v === undefined || Number.isNaN(v);
      if (none(p) || none(q)) return none(p) - none(q);
      return down * (typeof p === "string" ? p.localeCompare(q) : p - q);
    });
  }

  layHead() {
    fill(this.head, COLUMNS.map(([name], i) => {
      const on = this.sort.replace("-", "") === name;
      const way = on ? (this.sort.startsWith("-") ? "descending" : "ascending") : "none";
      const button = h("button", { type: "button", class: "quiet", title: `${t("sort by column")} (${i + 1})`, onclick: () => this.sortBy(name) }, t(name), on ? (way === "descending" ? " ↓" : " ↑") : "");
      return h("span", { role: "columnheader", "aria-sort": way, class: `c-${i}` }, button);
    }), h("span", { role: "columnheader", class: "c-9" }, t("curve")));
  }

  sortBy(name) {
    this.sort = this.sort === name ? `-${name}` : this.sort === `-${name}` ? "" : name;
    this.layout();
  }

  layNeeds() {
    const found = [...this.store.runs.values()].filter((r) => r.current).flatMap((r) => r.alerts.map((alert) => ({ alert, run: r.run, over: OVER.has(r.state), at: r.changed_at ?? 0 })));
    found.sort((a, b) => a.over - b.over || GRAVE[a.alert.severity] - GRAVE[b.alert.severity] || b.at - a.at);
    const most = this.allAlerts ? found.length : 3;
    fill(this.needs, h("h2", {}, t("Needs you"), found.length ? h("span", { class: "badge" }, integer(found.length)) : null),
      found.length ? found.slice(0, most).map(({ alert, run }) => alertBox(alert, () => { location.hash = link("run", run, { at: alert.line }); }, run)) : h("p", { class: "muted" }, t("Nothing needs you.")),
      found.length > most ? h("button", { type: "button", class: "quiet", onclick: () => { this.allAlerts = true; this.layNeeds(); } }, `▸ ${t("all")}: ${integer(found.length)}`) : null);
  }

  row(entry) {
    const known = this.rows.get(entry.run);
    if (known?.entry === entry && known.stamp === this.stamp(entry)) return known.element;
    const element = h("div", { class: "row", role: "row", tabindex: "-1", "data-run": entry.run, "data-severity": entry.severity });
    const box = h("input", { type: "checkbox", checked: this.selected.has(entry.run), "aria-label": `${t("select")} ${entry.run}`, onchange: () => this.select(entry.run) });
    const name = entry.run.slice(entry.run.lastIndexOf("/") + 1);
    const cells = [
      [box, h("a", { href: link("run", entry.run), title: entry.run }, name)], pill(entry.state),
      integer(entry.step) + (entry.max_steps ? ` / ${integer(entry.max_steps)}` : ""),
      number(entry.loss), number(entry.val_loss),
      entry.best_val === null ? "" : [number(entry.best_val), h("small", {}, ` @ ${integer(entry.best_step)}`)],
      short(entry.tokens_per_s), ["running", "quiet"].includes(entry.state) ? seconds(entry.eta_s) : "", bytes(entry.lag_bytes), spark(entry.spark, entry.best_step),
    ];
    const labels = [...COLUMNS.map(([text]) => t(text)), t("curve")];
    element.append(...cells.map((cell, i) => h("span", { role: "cell", class: `c-${i}`, "data-label": labels[i] }, cell)));
    if (entry.run === this.current) element.classList.add("current");
    this.rows.set(entry.run, { element, entry, stamp: this.stamp(entry) });
    return element;
  }

  stamp(entry) { return `${entry.rev}${entry.run === this.current}${this.selected.has(entry.run)}`; }

  // Only the rows that changed are made anew; the order waits until it matters.
  heard(changes) {
    const places = changes.gone?.length || Object.entries(changes.runs ?? {}).some(([run, c]) => !this.rows.has(run) || "state" in c || "alerts" in c);
    if (places) { this.layout(); return; }
    for (const run of Object.keys(changes.runs ?? {})) {
      const before = this.rows.get(run)?.element;
      const entry = this.store.runs.get(run);
      if (!before?.isConnected || !entry) continue;
      this.rows.delete(run);
      const focused = before.contains(document.activeElement);
      const after = this.row(entry);
      before.replaceWith(after);
      if (focused) after.focus({ preventScroll: true });
    }
  }

  select(run) {
    if (this.selected.has(run)) this.selected.delete(run);
    else this.selected.add(run);
    this.layout();
  }

  showSelected() {
    this.compare.hidden = this.selected.size < 2;
    this.compare.href = link("compare", "", { run: [...this.selected] });
    this.compare.textContent = `${t("compare")} (${this.selected.size})`;
  }

  step(by) {
    const at = this.order.indexOf(this.current);
    const next = this.order[Math.min(Math.max(at + by, 0), this.order.length - 1)];
    if (next === undefined) return;
    const before = this.current;
    this.current = next;
    for (const run of [before, next]) {
      const element = this.rows.get(run)?.element;
      element?.classList.toggle("current", run === next);
      if (run === next) { element?.focus({ preventScroll: true }); element?.scrollIntoView({ block: "nearest" }); }
    }
  }

  go() { if (this.current) location.hash = link("run", this.current); }

  key(event) {
    const does = {
      j: () => this.step(1), ArrowDown: () => this.step(1), k: () => this.step(-1), ArrowUp: () => this.step(-1),
      Home: () => this.step(-1e9), End: () => this.step(1e9), Enter: () => this.go(), "/": () => this.search.focus(),
      " ": () => this.current && this.select(this.current), c: () => this.goCompare(),
      Escape: () => { this.filter = this.search.value = ""; this.layout(); },
    }[event.key] ?? (/^[1-9]$/.test(event.key) ? () => this.sortBy(COLUMNS[event.key - 1][0]) : null);
    if (!does) return false;
    does();
    return true;
  }

  goCompare() {
    if (this.selected.size < 2) { announce(t("Select two runs or more.")); return; }
    location.hash = link("compare", "", { run: [...this.selected] });
  }

  translated() { this.layout(); }
  close() {}
  restyle() {}
  title() { return "gptwatch"; }
}
