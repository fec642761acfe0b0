/** The stock dashboard: stock levels with their material and warehouse, filtered, sorted and summed up live. */

import { bindFilters, matcher, offer, rememberSort } from "./filters.js";
import { ago, atFull, count, kg, kgBrief, money, perKg, roundMoney, sentence, weight } from "./format.js";
import { openLivePage } from "./live-page.js";
import { LiveTable } from "./live-table.js";
import { RateMeter } from "./rate-meter.js";

const main = document.querySelector("main");
const form = document.querySelector("[data-filters]");
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);
const setText = (element, text) => element.textContent !== text && (element.textContent = text);

const LEVELS = { out: "Out", low: "Low" };
const COLUMNS = {
  name: { text: (item) => item.name, sort: (item) => `${item.name} ${item.warehouse}` },
  sub: { text: (item) => item.sub },
  category: { text: (item) => item.category, sort: (item) => `${item.category} ${item.name}` },
  warehouse: { text: (item) => item.warehouse, sort: (item) => `${item.warehouse} ${item.name}` },
  on_hand: { text: (item) => kg(item.row.on_hand), sort: (item) => item.onHand, by: (item) => item.onHand, delta: kgBrief },
  reserved: { text: (item) => kg(item.row.reserved), sort: (item) => item.reserved, by: (item) => item.reserved, delta: kgBrief },
  available: { text: (item) => kg(item.row.available), sort: (item) => item.available, by: (item) => item.available, delta: kgBrief },
  cover: { sort: (item) => item.cover },
  badge: { text: (item) => LEVELS[item.level] ?? "" },
  price: { text: (item) => perKg(item.price), sort: (item) => item.priceNumber, by: (item) => item.priceNumber, delta: perKg },
  value: { text: (item) => money(item.value, item.currency), sort: (item) => item.value },
  ago: { text: (item) => ago(item.updated) },
  updated: { sort: (item) => item.updated },
};

/** Join a stock level with what it refers to; both may be missing for a moment. */
function join(row, material, warehouse) {
  const onHand = Number(row.on_hand);
  const available = Number(row.available);
  const below = Number(row.reorder_below);
  const price = Number(material?.price_per_kg ?? 0);
  return {
    row,
    name: material?.name ?? `Material ${row.material_id}`,
    sub: [sentence(material?.form ?? ""), material?.grade].filter(Boolean).join(" · "),
    category: material?.category ?? "",
    warehouse: warehouse?.code ?? `#${row.warehouse_id}`,
    place: warehouse?.city || warehouse?.name || "",
    currency: material?.currency ?? "EUR",
    price: material?.price_per_kg ?? "0",
    priceNumber: price,
    onHand,
    reserved: Number(row.reserved),
    available,
    cover: below > 0 ? available / below : available > 0 ? Infinity : 0,
    value: onHand * price,
    level: available <= 0 ? "out" : row.low ? "low" : "fine",
    updated: Date.parse(row.updated_at),
  };
}

function decorate(row, item, before) {
  if (row.dataset.level !== item.level) row.dataset.level = item.level;
  if (before?.cover === item.cover && before?.row.on_hand === item.row.on_hand) return;
  // The gauge ends at three times the level at which to reorder; its mark stands at that level.
  const level = row.querySelector(".level-fill");
  level.style.setProperty("--fill", `${Math.round(100 * Math.min(1, Math.max(0, item.cover / 3)))}%`);
  row.querySelector(".level").title = `Reorder below ${kg(item.row.reorder_below)} kg`;
  row.querySelector(".code").title = item.place;
  row.querySelector("[data-cell=ago]").title = atFull(item.row.updated_at);
}

const table = new LiveTable(main.querySelector("table"), document.querySelector("[data-row]"), {
  columns: COLUMNS,
  sort: { column: "name", descending: false },
  decorate,
  onSort: rememberSort,
});
const meter = new RateMeter();

function take({ changes, snapshot }, subscription) {
  const touched = new Set();
  for (const { kind, key } of changes) {
    if (kind === "stocklevel") touched.add(key);
    else for (const level of levelsOf(subscription, kind, key)) touched.add(level);
  }
  for (const key of touched) {
    const row = subscription.get("stocklevel", key);
    if (row) table.set(key, join(row, subscription.get("material", String(row.material_id)), subscription.get("warehouse", String(row.warehouse_id))));
    else table.remove(key);
  }
  if (!snapshot) meter.count(changes.length);
  offer(form.elements.category, [...table.items.values()].map((item) => item.category).filter(Boolean));
  offerWarehouses(subscription);
}

function* levelsOf(subscription, kind, key) {
  for (const { key: level, row } of subscription.all("stocklevel")) if (String(row[`${kind}_id`]) === key) yield level;
}

let warehousesOffered = "";
function offerWarehouses(subscription) {
  const warehouses = [...subscription.all("warehouse")].map(({ row }) => row).sort((a, b) => a.code.localeCompare(b.code));
  const codes = warehouses.map(({ code }) => code).join(" ");
  if (codes === warehousesOffered) return;
  warehousesOffered = codes;
  const segments = document.querySelector("[data-warehouses]");
  const chosen = new FormData(form).get("warehouse") || filters.given.get("warehouse") || "";
  for (const label of [...segments.querySelectorAll("label")].slice(1)) label.remove();
  for (const { code, name, city } of warehouses) {
    const label = document.createElement("label");
    label.title = [name, city].filter(Boolean).join(", ");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "warehouse", value: code, checked: code === chosen });
    const words = document.createElement("span");
    words.textContent = code;
    label.append(input, words);
    segments.append(label);
  }
  filters.apply();
}

function drawFigures() {
  let [value, onHand, reserved, low, out] = [0, 0, 0, 0, 0];
  const byWarehouse = new Map();
  for (const item of table.items.values()) {
    value += item.value;
    onHand += item.onHand;
    reserved += item.reserved;
    if (item.level === "out") out++;
    else if (item.level === "low") low++;
    byWarehouse.set(item.warehouse, (byWarehouse.get(item.warehouse) ?? 0) + item.value);
  }
  const currency = table.items.values().next().value?.currency;
  const share = onHand > 0 ? reserved / onHand : 0;
  const [amount, unit] = weight(onHand);
  setText(figure("value"), roundMoney(value, currency));
  const small = Object.assign(document.createElement("small"), { textContent: ` ${unit}` });
  if (figure("weight").textContent !== `${amount} ${unit}`) figure("weight").replaceChildren(amount, small);
  setText(figure("reserved"), `${Math.round(share * 100)} % reserved`);
  figure("reserved-bar").style.width = `${Math.min(100, share * 100)}%`;
  setText(figure("low"), count(low + out));
  setText(figure("out"), out ? `${count(out)} out of stock` : "none out of stock");
  document.querySelector("[data-figure-low]").dataset.any = String(low + out > 0);
  drawWarehouses(byWarehouse, currency);
}

function drawWarehouses(byWarehouse, currency) {
  const list = figure("warehouses");
  const most = Math.max(1, ...byWarehouse.values());
  const codes = [...byWarehouse.keys()].sort();
  if ([...list.children].map((each) => each.dataset.code).join() !== codes.join()) list.replaceChildren(...codes.map(bar));
  for (const [index, code] of codes.entries()) {
    const value = byWarehouse.get(code);
    list.children[index].querySelector(".bar-fill").style.width = `${(100 * value) / most}%`;
    setText(list.children[index].lastElementChild, roundMoney(value, currency));
  }
}

function bar(code) {
  const item = document.createElement("li");
  item.dataset.code = code;
  const [name, track, fill, value] = ["bar-name", "bar-track", "bar-fill", "bar-value"].map((className) =>
    Object.assign(document.createElement("span"), { className }));
  name.textContent = code;
  track.append(fill);
  item.append(name, track, value);
  return item;
}

const filters = bindFilters(form, table, ({ text = "", category = "", warehouse = "", low = "" }) => {
  const matches = matcher(text);
  return (item) =>
    (!category || item.category === category) &&
    (!warehouse || item.warehouse === warehouse) &&
    (!low || item.level !== "fine") &&
    (!text || matches(`${item.name} ${item.sub} ${item.category} ${item.warehouse} ${item.place}`));
});
if (filters.given.has("category")) form.elements.category.dataset.wanted = filters.given.get("category");

const page = openLivePage(take, {
  stage: () => (table.items.size === 0 ? "empty" : table.shown === 0 ? "filtered" : "ready"),
  latest: () => (table.items.size ? Math.max(...[...table.items.values()].map(({ updated }) => updated)) : null),
});

table.onDrawn = () => {
  setText(document.querySelector("[data-count]"), `${count(table.shown)} of ${count(table.items.size)} rows`);
  const low = document.querySelector("[data-figure-low]");
  low.setAttribute("aria-pressed", String(form.elements.low.checked));
  setText(figure("low-action"), form.elements.low.checked ? "Show all" : "Show them");
  drawFigures();
  page.setStage();
};
document.querySelector("[data-figure-low]").addEventListener("click", () => form.elements.low.click());
const beat = () => {
  table.refresh("ago");
  setText(figure("rate"), count(meter.lastMinute()));
  figure("spark").setAttribute("d", meter.path(120, 24));
};
beat();
setInterval(beat, 1000);
