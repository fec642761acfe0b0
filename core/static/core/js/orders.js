/** Orders and how far they have come: all of them for staff, their own for customers. */

import { bindFilters, matcher, rememberSort } from "./filters.js";
import { ago, atDay, atDayOrTime, atFull, count, money, roundMoney, sentence } from "./format.js";
import { openLivePage } from "./live-page.js";
import { flash, LiveTable } from "./live-table.js";
import { STEPS } from "./order-steps.js";

const main = document.querySelector("main");
const form = document.querySelector("[data-filters]");
const figure = (name) => document.querySelector(`[data-figure="${name}"]`);

const open = (status) => ["placed", "paid", "picking", "shipped"].includes(status);
const COLUMNS = {
  number: { text: ({ row }) => row.number, sort: ({ row }) => row.number },
  customer: { text: ({ row }) => row.customer_name, sort: ({ row }) => `${row.customer_name} ${row.number}` },
  status: { text: ({ row }) => sentence(row.status) },
  progress: { sort: ({ step }) => step },
  total: { text: ({ row }) => money(row.total, row.currency), sort: ({ total }) => total, by: ({ total }) => total },
  placed: { text: ({ row }) => atDayOrTime(row.placed_at), sort: ({ row }) => row.placed_at ?? "" },
  promised: { text: ({ row }) => atDay(row.promised_at), sort: ({ row }) => row.promised_at ?? "" },
  ago: { text: ({ updated }) => ago(updated) },
  updated: { sort: ({ updated }) => updated },
};

function decorate(row, item, before) {
  const { status } = item.row;
  if (!before) {
    const link = row.querySelector("[data-cell=number]");
    link.href = new URL(`${encodeURIComponent(item.row.number)}/`, new URL("/orders/", location.href));
  }
  if (before && before.row.status !== status) requestAnimationFrame(() => flash(row.querySelector(".cell-status"), "touch"));
  if (before?.row.status !== status) row.dataset.status = row.querySelector(".status").dataset.status = status;
  for (const [index, step] of row.querySelectorAll(".steps i").entries()) step.toggleAttribute("data-done", index < item.step);
  row.querySelector("[data-cell=promised]").classList.toggle("late", item.late);
  row.querySelector("[data-cell=placed]").title = atFull(item.row.placed_at);
  row.querySelector("[data-cell=ago]").title = atFull(item.row.updated_at);
}

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
        late: open(row.status) && row.status !== "shipped" && row.promised_at !== null && Date.parse(row.promised_at) < Date.now(),
      });
  }
}

function drawFigures() {
  const counts = new Map();
  let [value, late, currency] = [0, 0, "EUR"];
  for (const { row, total, late: isLate } of table.items.values()) {
    counts.set(row.status, (counts.get(row.status) ?? 0) + 1);
    if (isLate) late++;
    if (open(row.status)) {
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
setInterval(() => table.refresh("ago"), 1000);
