/** One order: how far it is, what is expected next, what is in it, and what happened to it, as it happens. */

import { ago, atDay, atFull, atMoment, kg, money, perKg, sentence } from "./format.js";
import { openLivePage } from "./live-page.js";
import { flash } from "./live-table.js";
import { askWhy, Moves } from "./order-moves.js";
import { expectation, following, isLate, mayBeCancelled, promise } from "./order-steps.js";
import { byTime, Timeline } from "./order-timeline.js";
import { Track } from "./order-track.js";
import { setText } from "./set-text.js";

const part = (name) => document.querySelector(`[data-order="${name}"]`);
const cell = (element, name) => element.querySelector(`[data-cell="${name}"]`);

const track = new Track(part("track"));
const timeline = new Timeline(document.querySelector("[data-events]"), document.querySelector("template[data-event]"));
const stepButton = document.querySelector("[data-step]");
const cancelButton = document.querySelector("[data-cancel]");
const moves = new Moves(drawMoves);

let order = null;
/** Newest first. */
let events = [];

function take(_, subscription) {
  const before = order;
  order = [...subscription.all("order")][0]?.row ?? null;
  if (order === null) return wipe();
  events = [...subscription.all("orderevent")].map(({ row }) => row).sort(byTime);
  moves.seen(order);
  drawHead(before);
  drawExpected();
  drawMoves();
  track.draw(order, events);
  drawLines([...subscription.all("orderline")].map(({ row }) => row).sort((a, b) => a.position - b.position));
  part("no-events").hidden = timeline.draw(order, events) > 0;
}

/** Leave nothing of an order on the page that may no longer be seen. */
function wipe() {
  for (const name of ["status", "customer", "total", "placed", "promised", "weight", "updated", "line-count", "expected", "promise", "note"]) part(name).replaceChildren();
  document.querySelector("[data-lines]").replaceChildren();
  events = [];
  track.wipe();
  timeline.wipe();
}

function drawHead(before) {
  setText(part("status"), sentence(order.status));
  part("status").dataset.status = order.status;
  if (before && before.status !== order.status) flash(part("status"), "touch");
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
  document.querySelector(".track").dataset.status = order.status;
}

/** What time alone changes, too. */
function drawExpected() {
  if (order === null) return;
  setText(part("updated"), ago(Date.parse(order.updated_at)));
  setText(part("expected"), expectation(order.status));
  setText(part("promise"), promise(order));
  document.querySelector(".track").toggleAttribute("data-late", isLate(order));
  setText(part("note"), note());
}

function note() {
  if (order.status === "draft") return "Nothing is reserved for a draft. It begins its way when it is placed.";
  const reason = order.status === "cancelled" ? events.find(({ kind }) => kind === "cancelled")?.message : "";
  return reason ? `Reason: ${reason}` : "";
}

function drawMoves() {
  if (stepButton === null || order === null) return;
  const next = following(order.status);
  const underWay = moves.underWay(order.number);
  stepButton.hidden = next === undefined;
  cancelButton.hidden = !mayBeCancelled(order.status);
  if (next) setText(stepButton, next.action);
  // Not `disabled`, which would take the focus away from whoever pressed the key.
  for (const [button, busy] of [[stepButton, underWay !== null && underWay === next?.step], [cancelButton, underWay === "cancel"]]) {
    button.classList.toggle("busy", busy);
    button.setAttribute("aria-disabled", String(underWay !== null));
  }
  setText(part("problem"), sentence(moves.problem(order.number)));
}

function drawLines(lines) {
  const body = document.querySelector("[data-lines]");
  const template = document.querySelector("template[data-line]");
  const rows = new Map([...body.children].map((row) => [row.dataset.key, row]));
  const wanted = lines.map((line) => {
    const key = String(line.id);
    const row = rows.get(key) ?? template.content.firstElementChild.cloneNode(true);
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

stepButton?.addEventListener("click", ({ detail }) => {
  if (detail <= 1 && following(order.status)) moves.take(order, following(order.status).step);
});
cancelButton?.addEventListener("click", async () => {
  if (moves.underWay(order.number) !== null) return;
  const asked = order;
  const reason = await askWhy(asked);
  if (reason !== null) moves.take(order ?? asked, "cancel", reason);
});

openLivePage(take, {
  latest: () => (order ? Date.parse(order.updated_at) : null),
  refusal: ({ error }) => (error.code === "unknown_topic" ? "unknown" : "refused"),
});
setInterval(drawExpected, 1000);
