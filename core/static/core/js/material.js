/** One material: its price as it moves, and for staff what lies where, with both over the last minutes. */

import { atClock, count, kg, kgBrief, sentence, weight } from "./format.js";
import { openLivePage } from "./live-page.js";
import { flash, LiveTable } from "./live-table.js";
import { Plot } from "./plot.js";
import { get } from "./post.js";
import { setText } from "./set-text.js";
import { bindDialog } from "./stock-dialog.js";
import { decorateLevel, join, LEVEL_COLUMNS } from "./stock-levels.js";

const main = document.querySelector("main");
const staff = document.querySelector("[data-stock]") !== null;
const part = (name) => document.querySelector(`[data-part="${name}"]`);
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);
const windows = document.querySelector("[data-windows]");
const TOTAL = "All";
const TICK_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 10_000 : 1000;

let material = null;
let currency = "EUR";
/** When the data was last known to be right, milliseconds. */
let known = Date.now();

const EXACT = { minimumFractionDigits: 4, maximumFractionDigits: 4 };
const exact = (value) => new Intl.NumberFormat("en-GB", { style: "currency", currency, currencyDisplay: "narrowSymbol", ...EXACT }).format(value);
const plots = { price: new Plot(document.querySelector("[data-plot=price]"), { format: exact, short: (value) => String(Number(value.toFixed(4))) }) };
if (staff) plots.stock = new Plot(document.querySelector("[data-plot=stock]"), { format: (value) => `${kg(value)} kg`, short: kgBrief });

// ---- the material

function take({ changes }) {
  for (const { kind, row, before } of changes) {
    if (kind !== "material") continue;
    material = row;
    if (row) drawMaterial(row, before);
  }
  redrawLevels();
}

function drawMaterial(row, before) {
  currency = row.currency;
  setText(part("name"), row.name);
  setText(part("category"), row.category);
  setText(part("sub"), [sentence(row.form), row.grade].filter(Boolean).join(" · "));
  part("archived").hidden = !row.archived;
  setText(figure("density"), `${kg(row.density_kg_per_m3)} kg/m³`);
  setText(figure("price"), exact(row.price_per_kg));
  const price = Number(row.price_per_kg);
  const change = before ? price - Number(before.price_per_kg) : 0;
  if (change === 0) return;
  flash(figure("price").closest(".figure"), change > 0 ? "rise" : "fall");
  setText(figure("trend"), `${change > 0 ? "▲" : "▼"} ${exact(Math.abs(change))} at ${atClock(Date.now())}`);
  plots.price.add("Price", Date.now(), price);
  plots.price.draw();
}

// ---- what lies where, for staff

let levels = null;
let dialog = null;
const table = staff && new LiveTable(document.querySelector("[data-stock] table"), document.querySelector("[data-row]"), {
  columns: { ...LEVEL_COLUMNS, place: { text: (item) => item.place }, below: { text: (item) => kg(item.row.reorder_below), sort: (item) => item.below } },
  sort: { column: "warehouse", descending: false },
  decorate: decorateLevel,
});

function takeLevels({ changes, snapshot }) {
  const touched = new Set();
  for (const { kind, key, row, before } of changes) {
    if (kind !== "stocklevel") {
      redrawLevels();
      continue;
    }
    touched.add(key);
    if (!snapshot && row && before) plots.stock.add(codeOf(row), Date.now(), Number(row.on_hand));
    else if (!snapshot) loadHistory(); // there is a line more, or one less
  }
  for (const key of touched) drawLevel(key);
  if (!snapshot && table.items.size > 1) plots.stock.add(TOTAL, Date.now(), total("on_hand"));
  plots.stock.draw();
  drawTotals();
  dialog?.refresh();
}

const codeOf = (row) => levels.get("warehouse", String(row.warehouse_id))?.code ?? `#${row.warehouse_id}`;
const total = (name) => [...levels.all("stocklevel")].reduce((sum, { row }) => sum + Math.round(Number(row[name]) * 1000), 0) / 1000;

function drawLevel(key) {
  const row = levels.get("stocklevel", key);
  if (row) table.set(key, join(row, material, levels.get("warehouse", String(row.warehouse_id))));
  else table.remove(key);
}

function redrawLevels() {
  if (levels) for (const { key } of levels.all("stocklevel")) drawLevel(key);
}

function drawTotals() {
  const places = [...levels.all("stocklevel")];
  const low = places.filter(({ row }) => row.low).length;
  for (const name of ["on_hand", "available"]) {
    const [amount, unitOf] = weight(total(name));
    figure(name).replaceChildren(amount, Object.assign(document.createElement("small"), { textContent: ` ${unitOf}` }));
  }
  setText(figure("warehouses"), places.length === 1 ? "in one warehouse" : `in ${count(places.length)} warehouses`);
  setText(figure("reserved"), `${kg(total("reserved"))} kg reserved${low ? ` · low in ${count(low)}` : ""}`);
  setStockState();
}

function setStockState() {
  const section = document.querySelector("[data-stock]");
  const ended = ["refused", "revoked", "closed"].includes(levels.state);
  section.dataset.state = ended ? "refused" : levels.position === null ? "loading" : table.items.size === 0 ? "empty" : "ready";
}

// ---- the last minutes

let asked = 0;

async function loadHistory() {
  const mine = ++asked;
  const chosen = Number(windows.querySelector("input:checked").value);
  let told;
  try {
    told = await get(`/api/v1/materials/${main.dataset.slug}/history?minutes=${chosen}`);
  } catch (problem) {
    if (mine === asked) for (const section of document.querySelectorAll("[data-plot]")) fail(section, problem);
    return;
  }
  if (mine !== asked) return; // another window was chosen meanwhile
  // Points are put on this device's clock, on which the live ones go on.
  const skew = Date.now() - Date.parse(told.until);
  const points = (series) => series.map(({ at, value }) => [Date.parse(at) + skew, Number(value)]);
  known = Date.now();
  const window = { minutes: chosen, since: Date.parse(told.since) + skew };
  plots.price.setSeries(new Map([["Price", points(told.price)]]), window);
  if (material) plots.price.add("Price", Date.now(), Number(material.price_per_kg));
  if (plots.stock && told.stock) {
    const series = told.stock.warehouses.map(({ code, points: each }) => [code, points(each)]);
    plots.stock.setSeries(new Map(told.stock.warehouses.length > 1 ? [[TOTAL, points(told.stock.total)], ...series] : series), window);
  }
  drawReach(told, chosen);
  tick();
}

function fail(section, problem) {
  section.dataset.state = "failed";
  section.querySelector("[data-plot-problem]").textContent = problem.detail || problem.message;
}

function drawReach(told, chosen) {
  const since = Date.parse(told.since);
  const whole = Date.parse(told.until) - since >= chosen * 60_000 - 1000;
  part("reach").textContent = whole ? "" : `Known since ${new Date(since).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`;
}

function tick() {
  if (document.body.dataset.connection === "live") known = Date.now();
  for (const plot of Object.values(plots)) plot.advance(known);
  table && table.refresh("ago");
}

// ---- beginning

const page = openLivePage(take, { stage: () => (material === null ? "empty" : "ready"), refusal: () => "refused" });
if (staff) {
  levels = page.client.subscribe(`materials/${main.dataset.slug}/stock`, { onChange: takeLevels, onState: setStockState });
  dialog = bindDialog(page.client, table, levels);
  if (dialog) page.client.subscribe("stock/movements", { onChange: ({ changes, snapshot }) => snapshot || changes.forEach(({ row }) => row && dialog.saw(row)) });
}
// What happened while there was no connection is in the log, with its times.
let wasLive = true;
page.client.addEventListener("state", () => {
  const live = page.client.state === "live";
  if (live && !wasLive) loadHistory();
  wasLive = live;
});
windows.addEventListener("change", loadHistory);
for (const button of document.querySelectorAll("[data-plot-retry]")) button.addEventListener("click", loadHistory);
loadHistory();
setInterval(tick, TICK_MS);
