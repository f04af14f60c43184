// The lines of the log around a point.
import { ask } from "./net.js";
import { copy, fill, h } from "./dom.js";
import { later } from "./latest.js";
import { integer, t } from "./words.js";

const AROUND = 200, STEP = 300, KEPT = 1500;

export class Lens {
  constructor(run, { onmove }) {
    Object.assign(this, { run, onmove });
    this.title = h("code", {});
    this.search = h("input", { type: "search", placeholder: t("search"), "aria-label": t("search"), oninput: later(() => this.mark(), 150) });
    this.hits = h("small", {});
    this.list = h("ol", { tabindex: "0", class: "lines", "aria-label": t("Log") });
    this.root = h("aside", { class: "lens", "aria-label": t("Log") },
      h("header", {}, this.title,
        h("button", { type: "button", class: "quiet", onclick: () => this.copy() }, t("copy"))),
      h("div", { class: "find" }, this.search, this.hits), this.list);
    this.first = this.at = 0;
    this.texts = [];
    this.list.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.move(Number(row.dataset.line));
    });
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("scroll", later(() => this.more(), 60));
  }

  async show(line, { focus = false } = {}) {
    this.at = line;
    const inside = line >= this.first && line < this.first + this.texts.length;
    if (!inside) {
      try {
        const found = await ask("lines", { run: this.run, at: line, n: 2 * AROUND });
        if (this.at !== line) return;
        this.path = found.path;
        this.first = found.first;
        this.texts = found.lines;
        this.of = found.of;
        this.draw();
      } catch (error) {
        if (this.at !== line) return;
        this.texts = [];
        fill(this.list, h("li", { class: "hint" }, t("it cannot be shown: {why}", { why: error.message })));
        return;
      }
    }
    this.stand(focus);
  }

  draw() {
    fill(this.list, this.texts.map((text, i) => this.row(text, this.first + i)));
    this.mark();
  }

  row(text, line) {
    return h("li", { "data-line": String(line) }, h("span", { class: "n" }, String(line)), h("span", { class: "text" }, text || " "));
  }

  stand(focus) {
    this.list.querySelector(".here")?.classList.remove("here");
    const row = this.list.querySelector(`[data-line="${this.at}"]`);
    if (!row) return;
    row.classList.add("here");
    const { top, bottom } = row.getBoundingClientRect(), box = this.list.getBoundingClientRect();
    if (top < box.top + 20 || bottom > box.bottom - 20) {
      this.list.scrollTop += top - box.top - box.height / 2;
    }
    fill(this.title, `${this.path.split("/").at(-1)}:${this.at}`);
    this.title.title = `${this.path}:${this.at}`;
    if (focus) this.list.focus({ preventScroll: true });
  }

  async move(line) {
    if (line < 1 || line > (this.of ?? Infinity)) return;
    await this.show(line);
    this.onmove(line);
  }

  key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: 20, PageUp: -20 }[event.key];
    if (!by || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.move(Math.min(Math.max(1, this.at + by), this.of ?? this.at + by));
  }

  // Lines before and behind come when somebody scrolls to the end of those there are.
  async more() {
    if (!this.texts.length || this.loading) return;
    const { scrollTop, scrollHeight, clientHeight } = this.list;
    const up = scrollTop < 300 && this.first > 1;
    const last = this.first + this.texts.length - 1;
    const down = scrollTop + clientHeight > scrollHeight - 300 && last < this.of;
    if (!up && !down) return;
    const { texts } = this;
    this.loading = true;
    try {
      const at = up ? this.first - STEP / 2 : last + STEP / 2;
      const found = await ask("lines", { run: this.run, at, n: STEP });
      // Other lines are shown meanwhile.
      if (texts !== this.texts) return;
      const end = found.first + found.lines.length;
      const fresh = up ? found.lines.slice(0, this.first - found.first) : found.lines.slice(last + 1 - found.first);
      const from = up ? found.first : last + 1;
      if (!fresh.length || end < this.first) return;
      const rows = fresh.map((text, i) => this.row(text, from + i));
      if (up) {
        const height = this.list.scrollHeight;
        this.list.prepend(...rows);
        this.list.scrollTop += this.list.scrollHeight - height;
        this.first = from;
        this.texts = [...fresh, ...this.texts];
      } else {
        this.list.append(...rows);
        this.texts = [...this.texts, ...fresh];
      }
      this.trim(up);
      this.mark();
    } finally {
      this.loading = false;
    }
  }

  trim(up) {
    const surplus = this.texts.length - KEPT;
    if (surplus <= 0) return;
    const rows = [...this.list.children];
    for (const row of up ? rows.slice(-surplus) : rows.slice(0, surplus)) row.remove();
    if (up) this.texts.length = KEPT;
    else { this.texts = this.texts.slice(surplus); this.first += surplus; }
  }

  mark() {
    const wanted = this.search.value.toLowerCase();
    let n = 0;
    for (const row of this.list.children) {
      const hit = wanted && row.lastChild.textContent.toLowerCase().includes(wanted);
      row.classList.toggle("hit", Boolean(hit));
      n += Boolean(hit);
    }
    this.hits.textContent = wanted ? integer(n) : "";
  }

  copy() {
    if (!this.path) return;
    const text = this.texts[this.at - this.first] ?? "";
    copy(`${this.path}:${this.at}: ${text}`, t("copied"));
  }
}
