/** What happened to an order, newest first: every step an entry of its own, and new ones appear one after the other. */

import { atClock, atFull, atMoment, sentence } from "./format.js";
import { flash } from "./live-table.js";
import { STEPS } from "./order-steps.js";
import { setText } from "./set-text.js";

const TITLES = { reassigned: "Moved to another customer", picking: "Being picked" };
/** Between two entries that came at once; however many there are, the last one appears after `LONGEST_MS`. */
const STAGGER_MS = 220;
const LONGEST_MS = 3_000;
const APPEAR = { duration: 360, easing: "cubic-bezier(0.2, 0.8, 0.2, 1)", fill: "backwards" };

const still = matchMedia("(prefers-reduced-motion: reduce)");
const isStep = ({ kind }) => kind === "cancelled" || STEPS.includes(kind);

/** The newest first; of the same moment the one that was written last. */
export const byTime = (a, b) => Date.parse(b.at) - Date.parse(a.at) || b.id - a.id;

/** A time as it is told: to the second while it is today's, so that steps in quick succession have each its own. */
function told(text, now = new Date()) {
  const date = new Date(text);
  return date.toDateString() === now.toDateString() ? `Today, ${atClock(date)}` : atMoment(text);
}

export class Timeline {
  #list;
  #template;
  /** @type {Map<string, Element>} */ #items = new Map();
  /** @type {Map<string, any>} statuses that no event told of when they were seen, by key */ #untold = new Map();
  #begun = false;
  /** When the last entry that is still to appear will, milliseconds. */
  #until = 0;

  /**
   * @param {HTMLOListElement} list
   * @param {HTMLTemplateElement} template  of an entry
   */
  constructor(list, template) {
    this.#list = list;
    this.#template = template;
  }

  /**
   * Show what happened; what was not there before, however long this page was away, is seen to come.
   *
   * @param {Object<string, any>} order
   * @param {Object<string, any>[]} events  newest first
   * @returns {number} how many entries there are
   */
  draw(order, events) {
    this.#note(order, events);
    const entries = [...events.map((event) => ({ ...event, key: `event ${event.id}` })), ...this.#untold.values()].sort(byTime);
    const fresh = [];
    const wanted = entries.map((entry) => {
      let item = this.#items.get(entry.key);
      if (!item) {
        this.#items.set(entry.key, (item = this.#template.content.firstElementChild.cloneNode(true)));
        fresh.push(item);
      }
      write(item, entry);
      return item;
    });
    const kept = new Set(wanted);
    for (const [key, item] of this.#items) if (!kept.has(item)) (item.remove(), this.#items.delete(key));
    for (const [index, item] of wanted.entries()) if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    if (this.#begun) this.#appear(fresh.reverse());
    this.#begun = true;
    return entries.length;
  }

  /** Leave nothing of an order. */
  wipe() {
    this.#list.replaceChildren();
    this.#items.clear();
    this.#untold.clear();
    this.#begun = false;
  }

  /** Plain SQL may move an order on without an event: the status itself is then what tells of the step. */
  #note(order, events) {
    const latest = events.find(isStep);
    const key = `status ${order.status} ${order.status_since}`;
    if (order.status !== "draft" && latest?.kind !== order.status && !this.#untold.has(key))
      this.#untold.set(key, { key, id: Infinity, kind: order.status, message: "", actor: "", at: order.status_since, after: latest?.id ?? 0 });
    for (const [key, { kind, after }] of this.#untold) {
      const event = events.find((each) => each.kind === kind && each.id > after);
      if (!event) continue;
      this.#untold.delete(key);
      if (!this.#items.has(`event ${event.id}`) && this.#items.has(key)) this.#items.set(`event ${event.id}`, this.#items.get(key));
      this.#items.delete(key);
    }
  }

  /** Let entries appear, the oldest first, after those that are still to appear. */
  #appear(items) {
    const now = performance.now();
    const step = Math.min(STAGGER_MS, LONGEST_MS / items.length);
    for (const item of items) {
      const delay = Math.min(Math.max(this.#until - now, 0), LONGEST_MS);
      this.#until = now + delay + step;
      setTimeout(() => item.isConnected && flash(item.lastElementChild, "touch"), delay);
      if (still.matches) continue;
      const full = { height: `${item.offsetHeight}px` };
      item.classList.add("is-appearing");
      item.animate([{ height: 0, paddingBottom: 0, opacity: 0 }, { ...full, opacity: 1 }], { ...APPEAR, delay }).finished.then(
        () => item.classList.remove("is-appearing"),
        () => {},
      );
    }
  }
}

function write(item, { kind, message, actor, at }) {
  const cell = (name) => item.querySelector(`[data-cell="${name}"]`);
  item.dataset.kind = kind;
  setText(cell("title"), TITLES[kind] ?? sentence(kind));
  setText(cell("message"), message ? sentence(message) : "");
  setText(cell("at"), told(at));
  cell("at").title = atFull(at);
  setText(cell("actor"), actor ? ` · ${actor}` : "");
}
