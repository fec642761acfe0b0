/** One order: how far it is, what is in it, and what happened to it, as it happens. */

import { ago, atDay, atFull, atMoment, kg, money, perKg, sentence } from "./format.js";
import { openLivePage } from "./live-page.js";
import { flash } from "./live-table.js";
import { STEPS } from "./order-steps.js";

const part = (name) => document.querySelector(`[data-order="${name}"]`);
const setText = (element, text) => element.textContent !== text && (element.textContent = text);
const cell = (element, name) => element.querySelector(`[data-cell="${name}"]`);
const fromTemplate = (name) => document.querySelector(`template[${name}]`).content.firstElementChild.cloneNode(true);

const TITLES = { reassigned: "Moved to another customer", picking: "Being picked" };
const CHECK = "M2.5 7.2 5.6 10.2 11 3.8";

let order = null;

function take({ changes, snapshot }, subscription) {
  const before = order;
  order = [...subscription.all("order")][0]?.row ?? null;
  if (order === null) return wipe();
  drawHead(before);
  const events = [...subscription.all("orderevent")].map(({ row }) => row).sort((a, b) => b.at.localeCompare(a.at) || b.id - a.id);
  const added = new Set(snapshot && before === null ? [] : changes.filter((change) => change.kind === "orderevent" && change.before === null).map(({ key }) => key));
  drawTrack(events, before);
  drawLines([...subscription.all("orderline")].map(({ row }) => row).sort((a, b) => a.position - b.position));
  drawEvents(events, added);
}

/** Leave nothing of an order on the page that may no longer be seen. */
function wipe() {
  for (const name of ["track", "status", "customer", "total", "placed", "promised", "weight", "updated", "line-count"]) part(name).replaceChildren();
  for (const list of document.querySelectorAll("[data-lines], [data-events]")) list.replaceChildren();
}

function drawHead(before) {
  setText(part("status"), sentence(order.status));
  part("status").dataset.status = order.status;
  setText(part("customer"), order.customer_name);
  for (const [name, text, changed] of [
    ["total", money(order.total, order.currency), before && before.total !== order.total],
    ["placed", atMoment(order.placed_at), before && before.placed_at !== order.placed_at],
    ["promised", atDay(order.promised_at), before && before.promised_at !== order.promised_at],
  ]) {
    setText(part(name), text);
    if (changed) flash(part(name), "touch");
  }
  part("updated").title = atFull(order.updated_at);
  drawAge();
}

function drawAge() {
  if (order) setText(part("updated"), ago(Date.parse(order.updated_at)));
}

function drawTrack(events, before) {
  const list = part("track");
  if (list.children.length === 0) list.append(...STEPS.map(stepElement));
  const reached = order.status === "cancelled" ? lastReached(events) : STEPS.indexOf(order.status);
  for (const [index, element] of [...list.children].entries()) {
    element.toggleAttribute("data-done", index <= reached);
    element.toggleAttribute("data-now", index === reached && order.status !== "delivered" && order.status !== "cancelled");
    if (index === reached) element.setAttribute("aria-current", "step");
    else element.removeAttribute("aria-current");
    const event = events.find((each) => each.kind === STEPS[index]);
    setText(element.querySelector(".track-time"), index <= reached && event ? atMoment(event.at) : "");
  }
  if (before && before.status !== order.status) flash(part("status"), "touch");
  document.querySelector(".track").toggleAttribute("data-cancelled", order.status === "cancelled");
  part("note").hidden = order.status !== "cancelled" && order.status !== "draft";
  setText(part("note"), order.status === "cancelled" ? "This order was cancelled." : "This is a draft: it has not been placed yet.");
}

const lastReached = (events) => Math.max(-1, ...events.map(({ kind }) => STEPS.indexOf(kind)));

function stepElement(name) {
  const item = document.createElement("li");
  const dot = Object.assign(document.createElement("span"), { className: "track-dot" });
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 14 14");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", CHECK);
  svg.append(path);
  dot.append(svg);
  const label = Object.assign(document.createElement("span"), { className: "track-name", textContent: sentence(name) });
  item.append(dot, label, Object.assign(document.createElement("span"), { className: "track-time" }));
  return item;
}

function drawLines(lines) {
  const body = document.querySelector("[data-lines]");
  const rows = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const wanted = lines.map((line) => {
    const key = String(line.id);
    const row = rows.get(key) ?? fromTemplate("data-line");
    row.dataset.key = key;
    setText(cell(row, "name"), line.material_name);
    for (const [name, text] of [["quantity", `${kg(line.quantity_kg)} kg`], ["price", perKg(line.unit_price)], ["total", money(line.total, order.currency)]]) {
      const differs = cell(row, name).textContent !== text;
      setText(cell(row, name), text);
      if (differs && rows.has(key)) flash(cell(row, name), "touch");
    }
    return row;
  });
  if (wanted.length !== body.children.length || wanted.some((row, index) => body.children[index] !== row)) body.replaceChildren(...wanted);
  setText(part("line-count"), lines.length === 1 ? "1 line" : `${lines.length} lines`);
  setText(part("weight"), `${kg(lines.reduce((sum, { quantity_kg }) => sum + Number(quantity_kg), 0))} kg`);
}

function drawEvents(events, added) {
  const list = document.querySelector("[data-events]");
  const items = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const wanted = events.map((event) => {
    const key = String(event.id);
    const item = items.get(key) ?? fromTemplate("data-event");
    item.dataset.key = key;
    item.dataset.kind = event.kind;
    item.classList.toggle("is-new", added.has(key) || item.classList.contains("is-new"));
    setText(cell(item, "title"), TITLES[event.kind] ?? sentence(event.kind));
    setText(cell(item, "message"), event.message ? sentence(event.message) : "");
    setText(cell(item, "at"), atMoment(event.at));
    cell(item, "at").title = atFull(event.at);
    setText(cell(item, "actor"), event.actor ? ` · ${event.actor}` : "");
    return item;
  });
  for (const [index, item] of wanted.entries()) if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  part("no-events").hidden = wanted.length > 0;
}

openLivePage(take, {
  latest: () => (order ? Date.parse(order.updated_at) : null),
  refusal: ({ error }) => (error.code === "unknown_topic" ? "unknown" : "refused"),
});
setInterval(drawAge, 1000);
