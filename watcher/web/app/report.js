// A run in one file, opened without a server.
import { $, fill, h } from "./dom.js";
import { appearance, facts } from "./offline.js";
import { RunPage } from "./run.js";
import { here } from "./state.js";
import { t } from "./words.js";

if (appearance) document.documentElement.dataset.theme = appearance;
const page = new RunPage(facts.run, here().params);
fill($("#page"), page.root);
document.title = `${facts.run}: ${facts.headline}`;
if (facts.thinned) $("#banner").append(t("Long curves are thinned to {n} points each; gptwatch web shows all.", { n: facts.thinned }));
$("#banner").hidden = !facts.thinned;
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, button, a, summary")) return;
  if (event.key === "Escape" ? (page.view.all(), true) : page.key(event)) event.preventDefault();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.restyle());
page.root.classList.add("report");
page.open().then(() => { document.documentElement.dataset.ready = "1"; });
fill($("#menu"), h("span", { class: "muted" }, facts.made));
