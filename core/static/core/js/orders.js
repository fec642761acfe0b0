/** Orders and how far they have come: all of them for staff, their own for customers. */

import { bindFilters, matcher, rememberSort } from "./filters.js";
import { ago, atDay, atDayOrTime, atFull, count, money, roundMoney, sentence } from "./format.js";
import { openLivePage } from "./live-page.js";
import { flash, LiveTable } from "./live-table.js";
import { expectation, isLate, isOpen, promise, STEPS } from "./order-steps.js";

const main = document.querySelector("main");
const form = document.querySelector("[data-filters]");
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);

/** So long a row says which status it has left. */
const WAS_MS = 8000;

const COLUMNS = {
  number: { text: ({ row }) => row.number, sort: ({ row }) => row.number },
  customer: { text: ({ row }) => row.customer_name, sort: ({ row }) => `${row.customer_name} ${row.number}` },
  status: { text: ({ row }) => sentence(row.status) },
  progress: { sort: ({ step }) => step },
  next: { text: ({ row }) => expectation(row.status) },
  promise: { text: ({ row }) => promise(row) },
  total: { text: ({ row }) => money(row.total, row.currency), sort: ({ total }) => total, by: ({ total }) => total },
  placed: { text: ({ row }) => atDayOrTime(row.placed_at), sort: ({ row }) => row.placed_at ?? "" },
  // What has ended is promised to nobody any more: it stands behind what is still to come.
  promised: { text: ({ row }) => atDay(row.promised_at), sort: ({ row }) => (isOpen(row.status) ? 0 : 1e14) + (Date.parse(row.promised_at) || 0) },
  ago: { text: ({ updated }) => ago(updated) },
  updated: { sort: ({ updated }) => updated },
};

function decorate(row, item, before) {
  const { status } = item.row;
  if (!before) {
    const link = row.querySelector("[data-cell=number]");
    link.href = new URL(`${encodeURIComponent(item.row.number)}/`, new URL("/orders/", location.href));
  }
  if (before && before.row.status !== status) tellMove(row, before.row.status);
  if (before?.row.status !== status) row.dataset.status = row.querySelector(".status").dataset.status = status;
  for (const [index, step] of row.querySelectorAll(".steps i").entries()) step.toggleAttribute("data-done", index < item.step);
  row.querySelector("[data-cell=promised], [data-cell=promise]").classList.toggle("late", item.late);
  row.querySelector("[data-cell=placed]").title = atFull(item.row.placed_at);
  row.querySelector("[data-cell=ago]").title = atFull(item.row.updated_at);
}

/** Say for a while where an order came from: "Paid → Picking". */
function tellMove(row, from) {
  const was = row.querySelector("[data-was]");
  was.textContent = `${sentence(from)} → `;
  clearTimeout(forgetting.get(was));
  forgetting.set(was, setTimeout(() => (was.textContent = ""), WAS_MS));
  // Once the row is in its place.
  requestAnimationFrame(() => flash(row.querySelector(".cell-status"), "touch"));
}
const forgetting = new WeakMap();

const table = new LiveTable(main.querySelector("table"), document.querySelector("[data-row]"), {
  columns: COLUMNS,
  sort: { column: "updated", descending: true },
  decorate,
  onSort: rememberSort,
});

function take({ changes }) {
  for (const { kind, key, row } of changes) {
    if (kind !== "order") continue;
    if (row === null) table.remove(key);
    else
      table.set(key, {
        row,
        step: STEPS.indexOf(row.status) + 1,
        total: Number(row.total),
        updated: Date.parse(row.updated_at),
        late: isLate(row),
      });
  }
}

function drawFigures() {
  const counts = new Map();
  let [value, late, currency] = [0, 0, "EUR"];
  for (const { row, total, late: isLate } of table.items.values()) {
    counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    if (isLate) late++;
    if (isOpen(row.status)) {
      value += total;
      currency = row.currency;
    }
  }
  const of = (status) => counts.get(status) ?? 0;
  figure("open").textContent = count(of("placed") + of("paid") + of("picking") + of("shipped"));
  figure("open-note").textContent = `${of("placed") ? count(of("placed")) : "none"} awaiting payment`;
  figure("picking").textContent = count(of("picking"));
  figure("shipped").textContent = count(of("shipped"));
  figure("value").textContent = roundMoney(value, currency);
  figure("late").textContent = late ? `${count(late)} past the promised day` : "all within the promised day";
  for (const each of document.querySelectorAll("[data-status-count]")) {
    each.textContent = of(each.dataset.statusCount) || "";
    each.closest("label").hidden = of(each.dataset.statusCount) === 0 && !each.closest("label").querySelector("input").checked;
  }
}

bindFilters(form, table, ({ text = "", status = "" }) => {
  const matches = matcher(text);
  return ({ row }) => (!status || row.status === status) && (!text || matches(`${row.number} ${row.customer_name}`));
});
const page = openLivePage(take, {
  stage: () => (table.items.size === 0 ? "empty" : table.shown === 0 ? "filtered" : "ready"),
  latest: () => (table.items.size ? Math.max(...[...table.items.values()].map(({ updated }) => updated)) : null),
});
table.onDrawn = () => {
  document.querySelector("[data-count]").textContent = `${count(table.shown)} of ${count(table.items.size)} orders`;
  drawFigures();
  page.setStage();
};
/** What time alone changes, where it is shown. */
const timed = ["ago", "promise"].filter((name) => document.querySelector("[data-row]").content.querySelector(`[data-cell=${name}]`));
setInterval(() => timed.forEach((name) => table.refresh(name)), 1000);
