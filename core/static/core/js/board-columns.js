/**
 * The board's columns: orders by status, sorted and filtered, drawn in animation frames. Only cards that changed are
 * written, only the first of a long column are there at all, and a card that moves is seen to move.
 */

import { Card } from "./board-card.js";
import { count, roundMoney } from "./format.js";
import { isLate } from "./order-steps.js";
import { flash } from "./live-table.js";

const FIRST = 12;
const MORE = 24;
/** Changes come thick: so many milliseconds lie between two drawings, and a page behind others is drawn all the same. */
const DRAW_EVERY_MS = 80;
const FRAME_WAIT_MS = 100;
const MOVE = { duration: 460, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)" };
const SHIFT = { duration: 260, easing: "ease-out" };

const still = matchMedia("(prefers-reduced-motion: reduce)");
const newest = (a, b) => b.since - a.since || b.id - a.id;
const urgent = (a, b) => a.promised - b.promised || a.since - b.since || a.id - b.id;
/** What has ended is of interest while it is new. */
const ENDED = new Set(["delivered", "cancelled"]);
const ORDERS = { urgent, newest };

/** @typedef {{key: string, id: number, row: Object<string, any>, total: number, since: number, promised: number, late: boolean}} Item */

/** The item of an order's row. */
const itemOf = (key, row) => ({
  key,
  row,
  id: Number(row.id),
  total: Number(row.total),
  since: Date.parse(row.status_since),
  promised: row.promised_at === null ? Infinity : Date.parse(row.promised_at),
  late: isLate(row),
});

export class Board {
  /** @type {Map<string, Item>} */ items = new Map();
  /** @type {(item: Item) => boolean} */ filter = () => true;
  /** @type {() => void} called after every drawing */ onDrawn = () => {};
  shown = 0;
  /** The order of the cards: "urgent" or "newest". */ sort = "urgent";

  #template;
  #moves;
  /** @type {Map<string, {list: Element, count: Element, value: Element, empty: Element, more: Element, limit: number}>} */ #columns = new Map();
  /** @type {Map<string, Card>} the cards that are on the board, by key */ #cards = new Map();
  #dirty = new Set();
  #flashing = new Set();
  #first = true;
  #waiting = false;
  #drawnAt = -Infinity;
  /** @type {WeakMap<Element, Animation>} */ #running = new WeakMap();

  /**
   * @param {Element} board  with `[data-column]` for each status
   * @param {HTMLTemplateElement} template  of a card
   * @param {import("./order-moves.js").Moves} moves
   */
  constructor(board, template, moves) {
    this.#template = template;
    this.#moves = moves;
    for (const element of board.querySelectorAll("[data-column]")) {
      const part = (name) => element.querySelector(`[data-${name}]`);
      const column = { list: part("cards"), count: part("column-count"), value: part("column-value"), empty: part("column-empty"), more: part("column-more"), limit: FIRST };
      this.#columns.set(element.dataset.column, column);
      column.more.addEventListener("click", () => this.#showMore(column));
    }
  }

  /** Take an order's row as it is now, null when it has gone. */
  set(key, row) {
    if (row === null || !this.#columns.has(row.status)) this.items.delete(key);
    else this.items.set(key, itemOf(key, row));
    this.#dirty.add(key);
    this.draw();
  }

  /** Draw an order's card anew, for what is under way with it. */
  touch(number) {
    for (const [key, { row }] of this.items) if (row.number === number) this.#dirty.add(key);
    this.draw();
  }

  /** Sort the cards; an order that there is not changes nothing. */
  sortBy({ column }) {
    if (!(column in ORDERS)) return;
    this.sort = column;
    this.draw();
  }

  /** Draw what changed in an animation frame soon, however often this is called until then. */
  draw() {
    if (this.#waiting) return;
    this.#waiting = true;
    const begin = () => {
      const frame = requestAnimationFrame(() => (clearTimeout(timer), this.#drawNow()));
      const timer = setTimeout(() => (cancelAnimationFrame(frame), this.#drawNow()), FRAME_WAIT_MS);
    };
    const rest = this.#drawnAt + DRAW_EVERY_MS - performance.now();
    if (rest > 0) setTimeout(begin, rest);
    else begin();
  }

  /** Write what time alone changes: how long cards have waited, and which have become late. */
  age() {
    for (const item of this.items.values())
      if (item.late !== isLate(item.row)) this.set(item.key, item.row);
    for (const card of this.#cards.values()) card.drawTime();
  }

  /** Where a status's cards stand. */
  countOf = (status) => this.#columns.get(status).total ?? 0;

  #showMore(column) {
    const all = column.list.children.length === column.total;
    column.limit = all ? FIRST : column.limit + MORE;
    this.draw();
  }

  #drawNow() {
    this.#waiting = false;
    this.#drawnAt = performance.now();
    const moving = !this.#first && !still.matches && document.visibilityState === "visible";
    const were = moving ? this.#places() : new Map();
    const changed = this.#dirty;
    this.#dirty = new Set();
    const focused = document.activeElement;
    this.#fill(changed, focused);
    if (focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    if (moving) this.#animate(were, changed);
    for (const element of this.#flashing) flash(element, "touch");
    this.#flashing.clear();
    this.#first = this.items.size === 0;
    this.onDrawn();
  }

  #places() {
    return new Map([...this.#cards.values()].map(({ element }) => [element, element.getBoundingClientRect()]));
  }

  /** Put every column's cards where they belong. */
  #fill(changed, focused) {
    const byStatus = new Map([...this.#columns.keys()].map((status) => [status, []]));
    for (const item of this.items.values()) if (this.filter(item)) byStatus.get(item.row.status).push(item);
    const kept = new Set();
    const chosen = [...byStatus].map(([status, items]) => {
      items.sort(ENDED.has(status) ? newest : ORDERS[this.sort]);
      const shown = this.#within(this.#columns.get(status).limit, items, focused);
      for (const { key } of shown) kept.add(key);
      return [status, items, shown];
    });
    for (const [key, { element }] of this.#cards) if (!kept.has(key)) (element.remove(), this.#cards.delete(key));
    this.shown = 0;
    for (const [status, items, shown] of chosen) {
      this.shown += items.length;
      this.#place(this.#columns.get(status).list, shown.map((item) => this.#drawn(item, changed).element));
      this.#head(this.#columns.get(status), items, shown);
    }
  }

  /** The first of a column, and wherever it stands the card that somebody is busy with. */
  #within(limit, items, focused) {
    const holds = ({ key }) => focused !== document.body && this.#cards.get(key)?.element.contains(focused);
    const busy = ({ row, key }) => this.#cards.has(key) && (this.#moves.underWay(row.number) !== null || this.#moves.problem(row.number) !== "");
    return items.filter((item, index) => index < limit || holds(item) || busy(item));
  }

  #drawn(item, changed) {
    let card = this.#cards.get(item.key);
    const { number, status } = item.row;
    if (card && !changed.has(item.key)) return card;
    if (!card) this.#cards.set(item.key, (card = new Card(this.#template, item)));
    const before = card.item;
    card.draw(item, { underWay: this.#moves.underWay(number), problem: this.#moves.problem(number) });
    const differs = before ? before.row.status !== status || before.row.updated_at !== item.row.updated_at || before.total !== item.total || before.promised !== item.promised : changed.has(item.key);
    if (differs && !this.#first) this.#flashing.add(card.element);
    return card;
  }

  /** Make a list hold exactly these cards, moving as few as a single pass can. */
  #place(list, elements) {
    let at = list.firstElementChild;
    for (const element of elements) {
      if (element === at) at = at.nextElementSibling;
      // The card at this place has gone further down: step over it, it is placed when its turn comes.
      else if (at !== null && element === at.nextElementSibling) at = element.nextElementSibling;
      else list.insertBefore(element, at);
    }
  }

  #head(column, items, shown) {
    const hidden = items.length - shown.length;
    if (column.total !== items.length && !this.#first) this.#flashing.add(column.count);
    column.total = items.length;
    column.count.textContent = count(items.length);
    column.value.textContent = worth(items);
    column.empty.hidden = items.length > 0;
    column.more.hidden = hidden === 0 && column.limit === FIRST;
    column.more.textContent = hidden > 0 ? `and ${count(hidden)} more` : "Show fewer";
  }

  /** Let each card go from where it was seen to where it is; those out of sight are simply there. */
  #animate(were, changed) {
    const steps = [...this.#cards].map(([key, { element }]) => {
      this.#running.get(element)?.cancel();
      return [key, element, were.get(element), element.getBoundingClientRect()];
    });
    for (const [key, element, was, is] of steps) {
      if (!inSight(is) && !(was && inSight(was))) continue;
      if (was) this.#slide(element, was.left - is.left, was.top - is.top);
      else if (changed.has(key)) element.animate([{ opacity: 0, transform: "scale(0.94)" }, {}], SHIFT);
    }
  }

  #slide(element, x, y) {
    if (Math.abs(x) < 1 && Math.abs(y) < 1) return;
    const across = Math.abs(x) >= 1;
    const from = { transform: `translate(${x}px, ${y}px)`, ...(across ? { zIndex: 3, boxShadow: "var(--shadow-high)" } : {}) };
    const to = { transform: "none", ...(across ? { zIndex: 3 } : {}) };
    this.#running.set(element, element.animate([from, to], across ? MOVE : SHIFT));
  }
}

const inSight = ({ top, bottom, left, right }) => bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;

/** What orders come to, by currency. */
function worth(items) {
  const sums = new Map();
  for (const { row, total } of items) sums.set(row.currency, (sums.get(row.currency) ?? 0) + total);
  return [...sums].map(([currency, sum]) => roundMoney(sum, currency)).join(" + ");
}
