/**
 * Taking orders a step further. Nothing is shown before it is true: a button that was pressed is busy until the
 * page's own rows show the new status; what was refused is said at the order.
 */

import { post } from "./post.js";

/** A step that was done, and that the page's rows don't show after this long, is no longer waited for. */
const UNHEARD_MS = 10_000;
const PROBLEM_MS = 15_000;
/** The next step's button stands where the last one's stood: a second press of the same finger does not count. */
const SETTLE_MS = 700;

const UNHEARD = "This was done, but the page has not heard of it yet. It shows as soon as the page is live.";

/** @typedef {{step: string, from: string, answered: boolean, changed: boolean, timer: any}} Move */

export class Moves {
  #redraw;
  /** @type {Map<string, Move>} */ #moves = new Map();
  /** @type {Map<string, string>} */ #problems = new Map();
  /** @type {Map<string, number>} when an order was last moved from here, milliseconds */ #moved = new Map();

  /** @param {(number: string) => void} redraw  called with an order's number when its button or its problem changed */
  constructor(redraw) {
    this.#redraw = redraw;
  }

  /** The step that is under way for an order, or null. */
  underWay = (number) => this.#moves.get(number)?.step ?? null;

  /** What is to be said at an order, "" for nothing. */
  problem = (number) => this.#problems.get(number) ?? "";

  /** Ask for a step of an order that is shown as this row. */
  async take({ number, status }, step, reason = "") {
    if (this.#moves.has(number) || Date.now() - (this.#moved.get(number) ?? -Infinity) < SETTLE_MS) return;
    const move = { step, from: status, answered: false, changed: false, timer: null };
    this.#moves.set(number, move);
    this.#problems.delete(number);
    this.#redraw(number);
    try {
      await post(`/api/v1/orders/${encodeURIComponent(number)}/steps`, reason ? { step, reason } : { step });
      move.answered = true;
      if (move.changed) this.#end(number);
      else move.timer = setTimeout(() => this.#end(number, UNHEARD), UNHEARD_MS);
    } catch (problem) {
      this.#end(number, problem.detail || problem.message);
    }
  }

  /** Take note of a row as it is now; a status other than the one that was left ends the wait. */
  seen({ number, status }) {
    const move = this.#moves.get(number);
    if (!move || move.from === status) return;
    move.changed = true;
    if (move.answered) this.#end(number);
  }

  #end(number, problem = "") {
    clearTimeout(this.#moves.get(number).timer);
    this.#moves.delete(number);
    this.#moved.set(number, Date.now());
    if (problem) this.#say(number, problem);
    this.#redraw(number);
  }

  #say(number, problem) {
    this.#problems.set(number, problem);
    setTimeout(() => {
      if (this.#problems.get(number) !== problem) return;
      this.#problems.delete(number);
      this.#redraw(number);
    }, PROBLEM_MS);
  }
}

/**
 * Ask in the page's dialog why an order is to be cancelled.
 *
 * @param {{number: string, customer_name: string}} order
 * @returns {Promise<?string>} the reason; null: the order is kept
 */
export function askWhy({ number, customer_name: customer }) {
  const dialog = document.querySelector("[data-cancel-dialog]");
  const form = dialog.querySelector("form");
  const reason = form.elements.reason;
  const error = dialog.querySelector("[data-cancel-error]");
  const complain = (text) => {
    error.textContent = text;
    reason.setAttribute("aria-invalid", String(text !== ""));
  };
  dialog.querySelector("[data-cancel-number]").textContent = number;
  dialog.querySelector("[data-cancel-customer]").textContent = customer;
  form.reset();
  complain("");
  form.onsubmit = (event) => {
    if (event.submitter?.value === "keep" || reason.value.trim()) return;
    event.preventDefault();
    complain("Say why: the customer reads it.");
    reason.focus();
  };
  reason.oninput = () => complain("");
  dialog.returnValue = "keep";
  dialog.showModal();
  reason.focus();
  return new Promise((decide) => {
    dialog.onclose = () => decide(dialog.returnValue === "cancel" ? reason.value.trim() : null);
  });
}
