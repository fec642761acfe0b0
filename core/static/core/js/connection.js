/** What a page says about its connection: the pill in the bar, and a notice while rows are of an earlier moment. */

import { ago, atClock } from "./format.js";
import { setText } from "./set-text.js";
import { Close } from "../../realtime/client.js";

const WORDS = {
  connecting: "Connecting",
  live: "Live",
  stale: "No answer",
  reconnecting: "Reconnecting",
  offline: "Offline",
  refused: "Refused",
  closed: "Ended",
};
/** A reconnection that takes no longer is not worth a notice. */
const NOTICE_AFTER_MS = 700;

export class ConnectionDisplay {
  #client;
  /** @type {?import("../../realtime/subscription.js").Subscription} what the page is about; null: nothing live */
  #subscription = null;
  #pill = document.querySelector("[data-connection]");
  #word = document.querySelector("[data-connection-word]");
  #ago = document.querySelector("[data-connection-ago]");
  #outage = document.querySelector("[data-outage]");
  #retry = document.querySelector("[data-outage-retry]");
  #signIn = document.querySelector("[data-outage-sign-in]");
  /** @type {?number} when a change last arrived, milliseconds */ #lastChange = null;
  /** @type {?number} when the rows were last known to be right, milliseconds */ #lastLive = null;

  constructor(client) {
    this.#client = client;
    client.addEventListener("state", () => this.draw());
    this.#retry.addEventListener("click", () => client.reconnect());
    setInterval(() => this.draw(), 1000);
    this.draw();
  }

  /** Tell of this topic, which the page is about: whether its rows are complete, and when they changed. */
  follow(subscription) {
    this.#subscription = subscription;
    this.draw();
  }

  /** Note that rows have changed, at this moment unless another is given (milliseconds, or null: not known). */
  changed(at = Date.now()) {
    this.#lastChange = at ?? this.#lastChange;
    this.draw();
  }

  /** The page's words and colours for this moment. */
  draw() {
    const now = Date.now();
    const { state, code } = this.#client;
    const topic = this.#subscription?.state;
    const behind = state === "live" && (topic === "loading" || topic === "stale");
    const shown = behind ? "connecting" : state;
    if (shown === "live") this.#lastLive = now;
    for (const [element, name] of [[document.body, "connection"], [this.#pill, "state"]])
      if (element.dataset[name] !== shown) element.dataset[name] = shown;
    setText(this.#word, state === "refused" && code === Close.SIGN_IN ? "Signed out" : behind ? "Catching up" : WORDS[state]);
    setText(this.#ago, ["refused", "revoked", "closed"].includes(topic) ? "" : this.#age(shown, now));
    this.#notice(shown, now);
  }

  #age(shown, now) {
    if (shown !== "live") return this.#lastLive === null ? "" : `as of ${atClock(this.#lastLive)}`;
    if (this.#subscription === null) return "";
    return this.#lastChange === null ? "no change yet" : `changed ${ago(this.#lastChange, now)}`;
  }

  #notice(shown, now) {
    const notice = now - this.#client.since < NOTICE_AFTER_MS && shown === "reconnecting" ? null : this.#wording(shown, now);
    this.#outage.hidden = notice === null;
    if (notice === null) {
      if (shown === "reconnecting") setTimeout(() => this.draw(), NOTICE_AFTER_MS);
      return;
    }
    const { title, text, bad = false, retry = null, signIn = false } = notice;
    this.#outage.dataset.severity = bad ? "bad" : "warn";
    setText(this.#outage.querySelector("[data-outage-title]"), title);
    setText(this.#outage.querySelector("[data-outage-text]"), text);
    this.#retry.hidden = retry === null;
    if (retry !== null) setText(this.#retry, retry);
    this.#signIn.hidden = !signIn;
  }

  #wording(shown, now) {
    const asOf = this.#lastLive === null ? "" : `You see ${atClock(this.#lastLive)}.`;
    const { retryAt, code } = this.#client;
    const seconds = retryAt === null ? 0 : Math.ceil((retryAt - now) / 1000);
    const again = seconds > 1 ? `Next try in ${seconds} s.` : "Trying again …";
    switch (shown) {
      case "stale":
        return { title: "The server has gone quiet.", text: `${asOf} Checking …` };
      case "reconnecting":
        return { title: "Connection lost.", text: `${asOf} ${again}`.trim(), retry: seconds > 1 ? "Try now" : null };
      case "offline":
        return { title: "This device is offline.", text: `${asOf} It goes on by itself once the network is back.`.trim(), bad: true };
      case "refused":
        if (code === Close.SIGN_IN) return this.#signedOut();
        return { title: "The server turned this page away.", text: `Code ${code}.`, bad: true, retry: "Try again" };
      case "closed":
        return { title: "Updates have ended.", text: asOf, retry: "Start again" };
      default:
        return null;
    }
  }

  /** Pages that need a sign-in say so in place of their rows. */
  #signedOut() {
    if (!("public" in document.querySelector("main").dataset)) return null;
    return { title: "You have been signed out.", text: "", signIn: true, bad: true, retry: "Go on as a guest" };
  }
}
