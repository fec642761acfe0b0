/** One card of the board: what it says of an order, and its buttons. */

import { atFull, money } from "./format.js";
import { briefPromise, following, isOpen, mayBeCancelled } from "./order-steps.js";
import { setText } from "./set-text.js";

const UNITS = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "min"],
];

/** How long an order has had its status: "now", "40 min", "3 h", "12 d". */
export function waited(since, now = Date.now()) {
  const milliseconds = Math.max(0, now - since);
  const unit = UNITS.find(([length]) => milliseconds >= length);
  return unit ? `${Math.floor(milliseconds / unit[0])} ${unit[1]}` : "now";
}

/** A card and its parts; `key` is the order's, `number` its number. */
export class Card {
  element;
  /** @type {any} the item that is drawn */ item = null;
  #cells = {};
  #step;
  #cancel;

  /**
   * @param {HTMLTemplateElement} template  without buttons for those who may not move orders
   * @param {any} item
   */
  constructor(template, item) {
    this.element = template.content.firstElementChild.cloneNode(true);
    this.element.dataset.key = item.key;
    for (const cell of this.element.querySelectorAll("[data-cell]")) this.#cells[cell.dataset.cell] = cell;
    this.#step = this.element.querySelector("[data-step]");
    this.#cancel = this.element.querySelector("[data-cancel]");
    const { number } = item.row;
    setText(this.#cells.number, number);
    this.#cells.number.href = new URL(`/orders/${encodeURIComponent(number)}/`, location.href);
    this.#cancel?.setAttribute("aria-label", `Cancel order ${number}`);
  }

  /**
   * Draw an item, and what is under way with it.
   *
   * @param {any} item
   * @param {{underWay: ?string, problem: string}} moves
   */
  draw(item, { underWay, problem }) {
    const { row } = item;
    this.item = item;
    this.element.dataset.status = row.status;
    this.element.toggleAttribute("data-late", item.late);
    setText(this.#cells.customer, row.customer_name);
    setText(this.#cells.total, money(row.total, row.currency));
    setText(this.#cells.promised, briefPromise(row));
    this.#cells.promised.title = row.promised_at ? `Promised for ${atFull(row.promised_at)}` : "";
    this.#cells.waited.title = `${row.status} since ${atFull(row.status_since)}`;
    setText(this.#cells.problem, problem);
    this.drawTime();
    if (this.#step) this.#drawButtons(row, underWay);
  }

  /** Write what depends on the time alone. */
  drawTime() {
    setText(this.#cells.waited, isOpen(this.item.row.status) ? waited(this.item.since) : "");
  }

  #drawButtons({ number, status }, underWay) {
    const next = following(status);
    this.#step.hidden = next === undefined;
    this.#cancel.hidden = !mayBeCancelled(status);
    if (next) {
      setText(this.#step, next.action);
      this.#step.setAttribute("aria-label", `${next.action}: order ${number}`);
    }
    // Not `disabled`, which would take the focus away from whoever pressed the key.
    for (const [button, busy] of [[this.#step, underWay === next?.step], [this.#cancel, underWay === "cancel"]]) {
      button.classList.toggle("busy", underWay !== null && busy);
      button.setAttribute("aria-disabled", String(underWay !== null));
    }
  }
}
