/** The corner in which new notifications arrive: three at most, the rest counted; they go by themselves. */

import { count } from "./format.js";
import { noticeElement } from "./notice-item.js";

const MOST = 3;
const STAY_MS = { info: 7_000, success: 7_000, warning: 10_000, error: 14_000 };
const LEAVE_MS = 200;
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Toasts {
  #corner = document.querySelector("[data-toasts]");
  #polite = document.querySelector("[data-toasts-polite]");
  #assertive = document.querySelector("[data-toasts-assertive]");
  #more = document.querySelector("[data-toasts-more]");
  /** How many did not find room since the corner was last empty. */ #rest = 0;
  /** @type {Map<Element, any>} toast → the timer by which it goes */ #leaving = new Map();
  #onFollowed;
  #openBell;

  /**
   * @param {Object} on
   * @param {(notice: import("./notice-store.js").Notice) => void} on.onFollowed
   * @param {() => void} on.openBell
   */
  constructor({ onFollowed, openBell }) {
    this.#onFollowed = onFollowed;
    this.#openBell = openBell;
    this.#more.addEventListener("click", openBell);
  }

  /** Show what is new; what came during an absence is summed up. @param {{notices: any[], away: boolean}} news newest first */
  tell({ notices, away }) {
    if (away && notices.length > 1) return this.#add(this.#summary(notices.length), "info");
    for (const notice of notices.slice(0, MOST).reverse()) this.#add(this.#toast(notice), notice.level);
    this.#count(Math.max(0, notices.length - MOST));
  }

  /** Take away those of other notifications than these: they have been read elsewhere, or are gone. @param {number[]} unread */
  keep(unread) {
    const kept = new Set(unread.map(String));
    for (const toast of this.#shown()) if (toast.dataset.id !== undefined && !kept.has(toast.dataset.id)) this.#remove(toast);
  }

  /** Take all away. */
  clear() {
    for (const toast of this.#shown()) this.#remove(toast);
  }

  #shown() {
    return [...this.#assertive.children, ...this.#polite.children];
  }

  #toast(notice) {
    const toast = noticeElement(notice, () => {
      this.#onFollowed(notice);
      this.#remove(toast);
    });
    return toast;
  }

  #summary(number) {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { type: "button", className: "notice-control" });
    button.append(Object.assign(document.createElement("strong"), { className: "notice-title", textContent: `${count(number)} new while you were away` }));
    button.addEventListener("click", this.#openBell);
    item.className = "notice notice-summary";
    item.append(button);
    return item;
  }

  #add(toast, level) {
    toast.classList.add("toast");
    toast.append(this.#closer(toast));
    (level === "error" ? this.#assertive : this.#polite).append(toast);
    if (!still.matches) toast.animate([{ opacity: 0, transform: "translateX(24px)" }, {}], { duration: 260, easing: "ease-out" });
    this.#leaving.set(toast, null);
    this.#leaveLater(toast, STAY_MS[level]);
    for (const name of ["pointerenter", "focusin"]) toast.addEventListener(name, () => clearTimeout(this.#leaving.get(toast)));
    for (const name of ["pointerleave", "focusout"]) toast.addEventListener(name, () => this.#leaveLater(toast, STAY_MS[level]));
    const inTheWay = [...this.#leaving.keys()].find((each) => each !== toast && !each.matches(":hover, :focus-within"));
    if (this.#leaving.size > MOST && inTheWay) {
      this.#remove(inTheWay);
      inTheWay.remove();
      this.#count(1);
    }
  }

  #closer(toast) {
    const closer = Object.assign(document.createElement("button"), { type: "button", className: "toast-close" });
    closer.setAttribute("aria-label", "Close");
    closer.addEventListener("click", () => this.#remove(toast));
    return closer;
  }

  #leaveLater(toast, milliseconds) {
    clearTimeout(this.#leaving.get(toast));
    if (!this.#leaving.has(toast)) return;
    const leave = () => (toast.matches(":hover, :focus-within") ? this.#leaveLater(toast, milliseconds) : this.#remove(toast));
    this.#leaving.set(toast, setTimeout(leave, milliseconds));
  }

  #remove(toast) {
    clearTimeout(this.#leaving.get(toast));
    if (!this.#leaving.delete(toast)) return;
    if (this.#leaving.size === 0) this.#rest = 0;
    this.#count(0);
    const gone = () => toast.remove();
    if (still.matches) return gone();
    toast.animate([{}, { opacity: 0, transform: "translateX(24px)" }], { duration: LEAVE_MS, easing: "ease-in", fill: "forwards" }).finished.then(gone, gone);
  }

  #count(more) {
    this.#rest += more;
    this.#more.hidden = this.#rest === 0;
    this.#more.textContent = `and ${count(this.#rest)} more`;
    this.#corner.toggleAttribute("data-any", this.#leaving.size > 0);
  }
}
