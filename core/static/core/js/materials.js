/** The public list of materials, with prices that move. */

import { bindFilters, matcher, offer, rememberSort } from "./filters.js";
import { count, kg, percent, perKg, sentence } from "./format.js";
import { openLivePage } from "./live-page.js";
import { LiveTable } from "./live-table.js";
import { RateMeter } from "./rate-meter.js";

const main = document.querySelector("main");
const form = document.querySelector("[data-filters]");
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);
const meter = new RateMeter();

/** Prices as they were when this page first saw them, by key. */
const opening = new Map();
const COLUMNS = {
  name: { text: ({ row }) => row.name, sort: ({ row }) => row.name },
  sub: { text: ({ row }) => [sentence(row.form), row.grade].filter(Boolean).join(" · ") },
  category: { text: ({ row }) => row.category, sort: ({ row }) => `${row.category} ${row.name}` },
  form: { text: ({ row }) => sentence(row.form), sort: ({ row }) => row.form },
  grade: { text: ({ row }) => row.grade, sort: ({ row }) => row.grade },
  density: { text: ({ row }) => kg(row.density_kg_per_m3), sort: ({ row }) => Number(row.density_kg_per_m3) },
  price: { text: ({ row }) => perKg(row.price_per_kg), sort: ({ price }) => price, by: ({ price }) => price, delta: perKg },
  trend: { text: ({ trend }) => (trend === 0 ? "–" : percent(trend)), sort: ({ trend }) => trend },
};

const table = new LiveTable(main.querySelector("table"), document.querySelector("[data-row]"), {
  columns: COLUMNS,
  sort: { column: "category", descending: false },
  onSort: rememberSort,
  decorate(row, { trend, row: { slug } }) {
    row.querySelector("a.name").href = main.dataset.materialUrl.replace("-", slug);
    row.querySelector(".trend").dataset.direction = trend > 0 ? "rise" : trend < 0 ? "fall" : "none";
  },
});

function take({ changes, snapshot }) {
  if (!snapshot) meter.count(changes.filter(({ row, before }) => row && before && row.price_per_kg !== before.price_per_kg).length);
  for (const { kind, key, row } of changes) {
    if (kind !== "material") continue;
    if (row === null) {
      table.remove(key);
      continue;
    }
    const price = Number(row.price_per_kg);
    if (!opening.has(key)) opening.set(key, price);
    table.set(key, { row, price, trend: price / opening.get(key) - 1 });
  }
  offer(form.elements.category, [...table.items.values()].map(({ row }) => row.category).filter(Boolean));
}

function drawFigures() {
  const items = [...table.items.values()];
  const categories = new Set(items.map(({ row }) => row.category)).size;
  figure("offer").textContent = count(items.length);
  figure("categories").textContent = categories === 1 ? "in one category" : `in ${count(categories)} categories`;
  figure("dearer").textContent = count(items.filter(({ trend }) => trend > 0).length);
  figure("cheaper").textContent = count(items.filter(({ trend }) => trend < 0).length);
}

const filters = bindFilters(form, table, ({ text = "", category = "" }) => {
  const matches = matcher(text);
  return ({ row }) => (!category || row.category === category) && (!text || matches(`${row.name} ${row.form} ${row.grade} ${row.category}`));
});

const page = openLivePage(take, { stage: () => (table.items.size === 0 ? "empty" : table.shown === 0 ? "filtered" : "ready") });
table.onDrawn = () => {
  document.querySelector("[data-count]").textContent = `${count(table.shown)} of ${count(table.items.size)} materials`;
  drawFigures();
  page.setStage();
};
const beat = () => {
  figure("rate").textContent = count(meter.lastMinute());
  figure("spark").setAttribute("d", meter.path(120, 24));
};
beat();
setInterval(beat, 1000);
