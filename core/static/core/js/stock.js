/** The stock dashboard: stock levels with their material and warehouse, filtered, sorted and summed up live. */

import { bindFilters, matcher, offer, rememberSort } from "./filters.js";
import { count, money, perKg, roundMoney, weight } from "./format.js";
import { openLivePage } from "./live-page.js";
import { LiveTable } from "./live-table.js";
import { RateMeter } from "./rate-meter.js";
import { setText } from "./set-text.js";
import { Activity } from "./stock-activity.js";
import { bindDialog } from "./stock-dialog.js";
import { decorateLevel, join, LEVEL_COLUMNS } from "./stock-levels.js";

const main = document.querySelector("main");
const form = document.querySelector("[data-filters]");
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);

const COLUMNS = {
  ...LEVEL_COLUMNS,
  name: { text: (item) => item.name, sort: (item) => `${item.name} ${item.warehouse}` },
  sub: { text: (item) => item.sub },
  category: { text: (item) => item.category, sort: (item) => `${item.category} ${item.name}` },
  price: { text: (item) => perKg(item.price), sort: (item) => item.priceNumber, by: (item) => item.priceNumber, delta: perKg },
  value: { text: (item) => money(item.value, item.currency), sort: (item) => item.value },
};

function decorate(row, item, before) {
  decorateLevel(row, item, before);
  if (item.slug && before?.slug !== item.slug) row.querySelector("a.name").href = main.dataset.materialUrl.replace("-", item.slug);
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
  activity.take({ changes, snapshot });
  dialog?.refresh();
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
  const chosen = filters.chosen("warehouse");
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

const activity = new Activity({
  describe(row) {
    const item = table.items.get(String(row.id)) ?? join(row, page.subscription.get("material", String(row.material_id)), page.subscription.get("warehouse", String(row.warehouse_id)));
    return { name: item.name, slug: item.slug, code: item.warehouse };
  },
  shows: (key) => !table.items.has(key) || table.filter(table.items.get(key)),
});

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
  activity.draw();
  page.setStage();
};
const dialog = bindDialog(page.client, table, page.subscription);
page.client.subscribe("stock/movements", {
  onChange(update) {
    activity.takeMovements(update);
    for (const { row } of update.changes) if (row && !update.snapshot) dialog?.saw(row);
  },
});
const toggle = document.querySelector("[data-activity-toggle]");
/** Whether the panel stands open is this browser's to remember. */
function showActivity(open) {
  document.querySelector("[data-beside]").dataset.beside = open ? "open" : "closed";
  toggle.setAttribute("aria-expanded", String(open));
  setText(document.querySelector("[data-activity-action]"), open ? "Hide them" : "What changed");
  activity.open = open;
  localStorage.setItem("activity", open ? "open" : "closed");
}
toggle.addEventListener("click", () => showActivity(!activity.open));
document.querySelector("[data-activity-close]").addEventListener("click", () => {
  showActivity(false);
  toggle.focus();
});
showActivity(localStorage.getItem("activity") === "open");

document.querySelector("[data-figure-low]").addEventListener("click", () => form.elements.low.click());
const beat = () => {
  table.refresh("ago");
  setText(figure("rate"), count(meter.lastMinute()));
  figure("spark").setAttribute("d", meter.path(120, 24));
};
beat();
setInterval(beat, 1000);
