/** The progress line of an order: its steps, how far it has come, and since when. */

import { atFull, atMoment, sentence } from "./format.js";
import { STEPS } from "./order-steps.js";
import { setText } from "./set-text.js";

const CHECK = "M2.5 7.2 5.6 10.2 11 3.8";
/** Steps that were reached at once light up one after the other. */
const STAGGER_MS = 170;


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
  item.append(dot, label, Object.assign(document.createElement("time"), { className: "track-time" }));
  return item;
}

/** How far an order has come, as an index of STEPS; a cancelled one as far as its events tell, a draft -1. */
export const reachedBy = (order, events) =>
  order.status === "cancelled" ? Math.max(-1, ...events.map(({ kind }) => STEPS.indexOf(kind))) : STEPS.indexOf(order.status);

export class Track {
  #list;
  /** @type {?number} */ #reached = null;

  /** @param {HTMLOListElement} list */
  constructor(list) {
    this.#list = list;
  }

  /**
   * Show how far an order has come. A status that no event tells of counts like any other.
   *
   * @param {Object<string, any>} order
   * @param {Object<string, any>[]} events  newest first
   */
  draw(order, events) {
    if (this.#list.children.length === 0) this.#list.append(...STEPS.map(stepElement));
    const reached = reachedBy(order, events);
    const before = this.#reached ?? reached;
    for (const [index, element] of [...this.#list.children].entries()) {
      const late = Math.max(0, index - before - 1) * STAGGER_MS;
      element.style.setProperty("--delay", `${index <= reached ? late : 0}ms`);
      element.toggleAttribute("data-done", index <= reached);
      element.toggleAttribute("data-now", index === reached && order.status !== "delivered" && order.status !== "cancelled");
      if (index === reached) element.setAttribute("aria-current", "step");
      else element.removeAttribute("aria-current");
      this.#drawTime(element.querySelector(".track-time"), index <= reached ? since(order, events, STEPS[index]) : null);
    }
    this.#reached = reached;
  }

  /** Leave nothing of an order. */
  wipe() {
    this.#list.replaceChildren();
    this.#reached = null;
  }

  #drawTime(element, at) {
    setText(element, at === null ? "" : atMoment(at));
    element.title = atFull(at);
  }
}

const since = (order, events, step) => events.find(({ kind }) => kind === step)?.at ?? (order.status === step ? order.status_since : null);
