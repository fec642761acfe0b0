/** The order board: orders by how far they have come, and the next step at each for those who may take it. */

import { Board } from "./board-columns.js";
import { bindFilters, matcher, offer, rememberSort } from "./filters.js";
import { count } from "./format.js";
import { openLivePage } from "./live-page.js";
import { askWhy, Moves } from "./order-moves.js";
import { following } from "./order-steps.js";

const AGE_MS = 10_000;

const form = document.querySelector("[data-filters]");
const area = document.querySelector("[data-board]");
const sort = document.querySelector("[data-sort-by]");
const switches = [...document.querySelectorAll("[data-switch]")];

const moves = new Moves((number) => board.touch(number));
const board = new Board(area, document.querySelector("[data-card]"), moves);

function take({ changes }) {
  for (const { kind, key, row } of changes) {
    if (kind !== "order") continue;
    if (row) moves.seen(row);
    board.set(key, row);
  }
}

async function press({ target, detail }) {
  const button = target.closest("[data-step], [data-cancel]");
  // The second click of a double click would meet the card that has come to this place.
  if (!button || detail > 1) return;
  const { row } = board.items.get(button.closest("[data-key]").dataset.key);
  if ("step" in button.dataset) return moves.take(row, following(row.status).step);
  if (moves.underWay(row.number) !== null) return;
  const reason = await askWhy(row);
  if (reason !== null) moves.take(row, "cancel", reason);
}
area.addEventListener("click", press);

bindFilters(form, board, ({ text = "", customer = "", late = "" }) => {
  const matches = matcher(text);
  return ({ row, late: isLate }) => (!customer || row.customer_name === customer) && (!late || isLate) && (!text || matches(`${row.number} ${row.customer_name}`));
});
sort.value = board.sort;
sort.addEventListener("change", () => {
  board.sortBy({ column: sort.value });
  rememberSort({ column: sort.value, descending: false });
});

const page = openLivePage(take, {
  stage: () => (board.items.size === 0 ? "empty" : board.shown === 0 ? "filtered" : "ready"),
  latest: () => (board.items.size ? Math.max(...[...board.items.values()].map(({ row }) => Date.parse(row.updated_at))) : null),
});
board.onDrawn = () => {
  offer(form.elements.customer, [...board.items.values()].map(({ row }) => row.customer_name));
  document.querySelector("[data-count]").textContent = `${count(board.shown)} of ${count(board.items.size)} orders`;
  for (const each of switches) each.querySelector("[data-switch-count]").textContent = count(board.countOf(each.dataset.switch));
  page.setStage();
};
setInterval(() => board.age(), AGE_MS);

// On a phone the columns stand side by side beyond its edge; the switch says which one is seen, and leads to others.

const columnOf = (each) => area.querySelector(`[data-column="${each.dataset.switch}"]`);
for (const each of switches)
  each.addEventListener("click", () => area.scrollTo({ left: columnOf(each).offsetLeft - area.offsetLeft, behavior: "smooth" }));
function mark() {
  const middle = area.scrollLeft + area.clientWidth / 2 + area.offsetLeft;
  const nearest = (each) => Math.abs(columnOf(each).offsetLeft + columnOf(each).offsetWidth / 2 - middle);
  const here = switches.reduce((best, each) => (nearest(each) < nearest(best) ? each : best));
  for (const each of switches) each.setAttribute("aria-pressed", String(each === here));
}
area.addEventListener("scroll", mark, { passive: true });
addEventListener("resize", mark, { passive: true });
mark();
