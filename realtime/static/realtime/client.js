/**
 * Tideline in the browser: topics of live rows over one WebSocket (protocol version 1, docs/PROTOCOL.md).
 *
 *     import { connect } from "./client.js";
 *
 *     const client = connect("/ws/");
 *     const stock = client.subscribe("stock", { onChange: ({ changes }) => draw(changes) });
 *     stock.get("stocklevel", "7");                    // the row, or undefined
 *     client.addEventListener("state", () => show(client.state, client.since));
 *
 * What holds: `rows` are the permitted rows at `position`, never half of a snapshot or of a split frame; a lost
 * connection keeps them (their state is then "stale") and comes back by itself with the cursor, unless the server
 * said to stay away. No dependencies; everything of the surroundings comes in through `Surroundings`.
 *
 * @module
 */

import { Subscription } from "./subscription.js";

export { rowId } from "./subscription.js";

/**
 * State of the connection.
 * connecting: the first attempt is under way. live: the server was heard of lately. stale: connected, but silent
 * for longer than its heartbeat, or a check is unanswered. reconnecting / offline: lost, coming back by itself
 * (offline: the browser sees no network). refused: the server said not to come back by ourselves, see `code`
 * (4501: sign in again). closed: ended by this page or by the server (1000); `reconnect()` starts again.
 * @typedef {"connecting"|"live"|"stale"|"offline"|"reconnecting"|"refused"|"closed"} ClientState
 *
 * @typedef {Object} Surroundings  what the client needs of the browser; tests bring their own
 * @property {typeof WebSocket} WebSocket
 * @property {() => number} now  milliseconds; goes on while the machine sleeps
 * @property {(callback: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random  0 ≤ … < 1
 * @property {() => boolean} online
 * @property {EventTarget} window  for `online`, `offline` and `pageshow`
 * @property {EventTarget & {visibilityState?: string}} document  for `visibilitychange`
 */

export const SUBPROTOCOL = "realtime.v1";
/** Close codes that this client sends or knows by name. */
export const Close = Object.freeze({ NORMAL: 1000, HEARTBEAT: 4002, UNREADABLE: 4400, SIGN_IN: 4501, PROTOCOL: 4509 });

const BACKOFF_FIRST_MS = 500;
const BACKOFF_MOST_MS = 20_000;
/** A connection that lasted this long was a good one: the next loss begins again with the shortest backoff. */
const STEADY_MS = 10_000;
const OPEN_WAIT_MS = 10_000;
const TICK_MS = 1_000;
/** Timers that stood still for this long: the machine slept, or the page was frozen. */
const WAKE_GAP_MS = 5_000;
/** A check is a ping; unanswered it makes the connection doubtful, then lost. */
const CHECK_DOUBT_MS = 1_500;
const CHECK_LOST_MS = 4_000;
/** The heartbeat's due time is exceeded by this factor before the connection counts as stale, by 2 as lost. */
const STALE_FACTOR = 1.25;

/** @returns {Surroundings} */
const browser = () => ({
  WebSocket: globalThis.WebSocket,
  now: () => Date.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer),
  random: () => Math.random(),
  online: () => navigator.onLine !== false,
  window: globalThis.window,
  document: globalThis.document,
});

/** Exponential backoff with full jitter, in milliseconds: many clients that were lost at once return spread out. */
const backoff = (failures, random) => random() * Math.min(BACKOFF_MOST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16));

/** The frame in a message, or null where there is none. */
function parse(data) {
  try {
    const frame = JSON.parse(data);
    return typeof frame === "object" ? frame : null;
  } catch {
    return null;
  }
}

/**
 * The connection and its subscriptions. Made by `connect`. Fires `state` when `state` changes or another attempt
 * is planned, and `error` (its `detail` is the frame) for an error reply that belongs to no topic.
 */
export class Client extends EventTarget {
  /** @type {ClientState} */ state = "connecting";
  /** @type {number} when `state` began, milliseconds */
  since;
  /** @type {?number} close code of the last loss; `reason` goes with it */
  code = null;
  reason = "";
  /** @type {?number} when the next attempt is due, milliseconds */
  retryAt = null;
  /** @type {?string} who the server says we are; null: nobody in particular */
  user = null;
  /** @type {?string} */ session = null;

  #url;
  #around;
  /** @type {Map<string, Subscription>} */ #topics = new Map();
  /** @type {Map<Subscription, any>} timers of topics that were refused for the moment */ #retries = new Map();
  #socket = null;
  #welcomed = false;
  #heartbeat = 15_000;
  #opened = 0;
  #heard = 0;
  /** @type {?number} when the unanswered ping was sent */ #checking = null;
  #failures = 0;
  #ids = 0;
  #ticked = 0;
  #ticker = null;
  #comeback = null;
  /** @type {?AbortController} */ #listening = null;
  #announced = "";

  /** @internal */
  constructor(url, around) {
    super();
    this.#url = url;
    this.#around = around;
    this.since = around.now();
    this.#start();
  }

  /**
   * Subscribe to a topic; rows come (and come back after a loss) by themselves.
   *
   * @param {string} topic
   * @param {Object} [options]
   * @param {(update: Update) => void} [options.onChange]
   * @param {(subscription: Subscription) => void} [options.onState]
   * @param {number} [options.maxRate]  at most so many updates per second, 0.1 to 60
   * @returns {Subscription}
   */
  subscribe(topic, options = {}) {
    if (this.#topics.has(topic)) throw new Error(`"${topic}" is subscribed already; unsubscribe it first`);
    const subscription = new Subscription(this, topic, options, this.#around.now);
    this.#topics.set(topic, subscription);
    if (this.#welcomed) this.#subscribe(subscription);
    return subscription;
  }

  /** See at once whether the connection still carries; while it is lost, try again now. */
  check() {
    if (this.state === "refused" || this.state === "closed") return;
    if (this.#socket === null) return this.#around.online() ? this.#open() : this.#become("offline");
    if (!this.#welcomed || this.#checking !== null) return;
    this.#checking = this.#around.now();
    this.#send({ type: "ping", id: ++this.#ids });
    if (this.#checking - this.#heard > STALE_FACTOR * this.#heartbeat) this.#become("stale");
  }

  /** Come back after "refused" or "closed". */
  reconnect() {
    if (this.state !== "refused" && this.state !== "closed") return this.check();
    this.#failures = 0;
    this.#become("connecting");
    this.#start();
  }

  /** End the connection; rows stay as they are, "stale". */
  close() {
    if (this.#socket === null) this.#stop("closed");
    else this.#abandon(Close.NORMAL, "closed by the page");
  }

  /** @internal */
  _unsubscribe(subscription) {
    if (this.#topics.get(subscription.topic) !== subscription) return;
    this.#topics.delete(subscription.topic);
    const asked = this.#welcomed && !this.#retries.has(subscription) && subscription._wanted;
    this.#cancelRetry(subscription);
    if (asked) this.#send({ type: "unsubscribe", id: ++this.#ids, topic: subscription.topic });
    subscription._drop("closed");
  }

  #start() {
    this.#listen();
    this.#ticked = this.#around.now();
    this.#ticker = this.#around.setTimeout(() => this.#tick(), TICK_MS);
    this.#open();
  }

  #listen() {
    this.#listening = new AbortController();
    const { window, document } = this.#around;
    const { signal } = this.#listening;
    for (const name of ["online", "offline", "pageshow"]) window.addEventListener(name, () => this.check(), { signal });
    const seen = () => document.visibilityState !== "hidden" && this.check();
    document.addEventListener("visibilitychange", seen, { signal });
  }

  #open() {
    this.#around.clearTimeout(this.#comeback);
    this.retryAt = null;
    this.#welcomed = false;
    this.#checking = null;
    this.#opened = this.#heard = this.#around.now();
    const socket = new this.#around.WebSocket(this.#url, [SUBPROTOCOL]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => socket === this.#socket && this.#message(data);
    socket.onclose = ({ code, reason }) => socket === this.#socket && this.#lost(code, reason);
    this.#become(this.state);
  }

  #message(data) {
    this.#heard = this.#around.now();
    this.#checking = null;
    const frame = parse(data);
    // What we can't read we may have needed: begin again from the last good position.
    if (frame === null) return this.#abandon(Close.UNREADABLE, "unreadable frame");
    if (frame.type === "welcome") this.#welcome(frame);
    else if (frame.type === "error") this.#error(frame);
    else this.#topics.get(frame.topic)?._receive(frame);
    if (this.state === "stale") this.#become("live");
  }

  #welcome(frame) {
    if (frame.protocol !== 1) return this.#abandon(Close.PROTOCOL, `protocol ${frame.protocol} is not known here`);
    this.#welcomed = true;
    this.#heartbeat = frame.heartbeat_seconds * 1000;
    this.user = frame.user;
    this.session = frame.session;
    this.code = null;
    this.reason = "";
    for (const subscription of this.#topics.values()) if (subscription._wanted) this.#subscribe(subscription);
    this.#become("live");
  }

  #error(frame) {
    for (const subscription of this.#topics.values()) {
      const pushed = frame.id === undefined && frame.topic === subscription.topic;
      if (!pushed && !subscription._answeredBy(frame)) continue;
      if (frame.retry) this._retryLater(subscription, frame);
      else subscription._drop("refused", frame);
      return;
    }
    this.dispatchEvent(new CustomEvent("error", { detail: frame }));
  }

  #subscribe(subscription) {
    this.#cancelRetry(subscription);
    this.#send(subscription._command(++this.#ids));
  }

  /** @internal */
  _retryLater(subscription, frame) {
    subscription._drop("loading", frame);
    const again = () => this.#subscribe(subscription);
    const delay = backoff(subscription._failed(), this.#around.random);
    this.#cancelRetry(subscription);
    this.#retries.set(subscription, this.#around.setTimeout(again, delay));
  }

  #cancelRetry(subscription) {
    this.#around.clearTimeout(this.#retries.get(subscription));
    this.#retries.delete(subscription);
  }

  #send(command) {
    this.#socket.send(JSON.stringify(command));
  }

  /** Once a second: is the server still heard of? */
  #tick() {
    const now = this.#around.now();
    const slept = now - this.#ticked > WAKE_GAP_MS;
    this.#ticked = now;
    this.#ticker = this.#around.setTimeout(() => this.#tick(), TICK_MS);
    // After a sleep frames may wait behind this timer: ask first, judge the silence when no answer came.
    if (slept && this.#checking === null) this.check();
    else if (this.#socket === null) this.#become(this.#around.online() ? "reconnecting" : "offline");
    else if (this.#welcomed) this.#watch(now);
    else if (now - this.#opened >= OPEN_WAIT_MS) this.#abandon(Close.HEARTBEAT, "no welcome");
  }

  #watch(now) {
    const silence = now - this.#heard;
    if (this.#checking !== null) {
      if (now - this.#checking >= CHECK_LOST_MS) this.#abandon(Close.HEARTBEAT, "check unanswered");
      else if (now - this.#checking >= CHECK_DOUBT_MS) this.#become("stale");
    } else if (silence >= 2 * this.#heartbeat) this.#abandon(Close.HEARTBEAT, "heartbeat missed");
    else if (silence > STALE_FACTOR * this.#heartbeat) this.#become("stale");
  }

  /** Give up a socket without waiting for its closing handshake, which a dead link would never end. */
  #abandon(code, reason) {
    const socket = this.#socket;
    socket.onmessage = socket.onclose = null;
    socket.close(code, reason);
    this.#lost(code, reason);
  }

  #lost(code, reason) {
    const lasted = this.#around.now() - this.#opened;
    if (this.#welcomed && lasted >= STEADY_MS) this.#failures = 0;
    this.#socket = null;
    this.#welcomed = false;
    this.code = code;
    this.reason = reason;
    for (const subscription of this.#topics.values()) {
      this.#cancelRetry(subscription);
      subscription._disconnected();
    }
    if (code === Close.NORMAL) this.#stop("closed");
    else if (code >= 4500 && code <= 4999) this.#stop("refused");
    else this.#comeBack();
  }

  #comeBack() {
    const delay = backoff(this.#failures++, this.#around.random);
    this.retryAt = this.#around.now() + delay;
    this.#comeback = this.#around.setTimeout(() => this.#open(), delay);
    this.#become(this.#around.online() ? "reconnecting" : "offline");
  }

  #stop(state) {
    this.#listening.abort();
    this.#around.clearTimeout(this.#ticker);
    this.#around.clearTimeout(this.#comeback);
    this.retryAt = null;
    this.#become(state);
  }

  #become(state) {
    if (state !== this.state) {
      this.state = state;
      this.since = this.#around.now();
    }
    const announcement = `${state} ${this.retryAt}`;
    if (announcement === this.#announced) return;
    this.#announced = announcement;
    this.dispatchEvent(new Event("state"));
  }
}

/**
 * Open a connection that looks after itself.
 *
 * @param {string} [url]  absolute, or a path of this page's origin
 * @param {Partial<Surroundings>} [surroundings]
 * @returns {Client}
 */
export function connect(url = "/ws/", surroundings = {}) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, "ws");
  return new Client(absolute.href, { ...browser(), ...surroundings });
}
