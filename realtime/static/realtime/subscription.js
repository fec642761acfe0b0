/**
 * One topic of a client: its rows, how far they are complete, and what they are worth. No sockets, no timers.
 *
 * @module
 */

/**
 * State of a subscription.
 * loading: no rows yet. live: the rows are kept up to date. stale: they were, up to `position`. refused: the topic
 * can't be had, see `error`. revoked: the right to it was lost. closed: unsubscribed by this page.
 * @typedef {"loading"|"live"|"stale"|"refused"|"revoked"|"closed"} SubscriptionState
 *
 * @typedef {{kind: string, key: string, row: Object<string, any>}} Row
 * @typedef {{kind: string, key: string, row: ?Object<string, any>, before: ?Object<string, any>}} Change
 *   What became of one row; `row` null: removed, `before` null: it was not there.
 * @typedef {{changes: Change[], snapshot: boolean, position: number}} Update
 *   Applied as a whole. With `snapshot` the changes name every row, also one that is as it was.
 * @typedef {{code: string, message: string, retry: boolean}} TopicError
 */

/** Names a row within its topic; a kind has no slash. */
export const rowId = (kind, key) => `${kind}/${key}`;

/** Run a page's callback; what it throws is the page's error, never the connection's end. */
function tell(callback, argument) {
  try {
    callback?.(argument);
  } catch (error) {
    globalThis.reportError(error);
  }
}

/** One topic: its rows, how far they are complete, and what they are worth (`state`). Made by `client.subscribe`. */
export class Subscription {
  /** @type {Map<string, Row>} rows by `kind/key` */
  rows = new Map();
  /** @type {?string} */ epoch = null;
  /** @type {?number} the rows are complete up to here */
  position = null;
  /** @type {SubscriptionState} */ state = "loading";
  /** @type {number} when `state` began, milliseconds */
  since;
  /** @type {?TopicError} */ error = null;

  #client;
  #now;
  #options;
  /** Id of the subscribe command that counts; replies to any other are of an earlier attempt. */
  #command = null;
  #awaiting = true;
  /** @type {?Map<string, Row>} a chunked snapshot that has begun */
  #building = null;
  /** @type {Object[]} parts of a split `changes` */
  #parts = [];
  #failures = 0;

  /** @internal */
  constructor(client, topic, options, now) {
    this.topic = topic;
    this.since = now();
    this.#client = client;
    this.#options = options;
    this.#now = now;
  }

  /** The row of this kind and key, or undefined. */
  get(kind, key) {
    return this.rows.get(rowId(kind, key))?.row;
  }

  /** All rows of a kind. */
  *all(kind) {
    for (const each of this.rows.values()) if (each.kind === kind) yield each;
  }

  /** End it; the rows are dropped. */
  unsubscribe() {
    this.#client._unsubscribe(this);
  }

  /** @internal Is it to be asked for again? Not what was refused for good, or ended. */
  get _wanted() {
    return this.state !== "refused" && this.state !== "revoked" && this.state !== "closed";
  }

  /** @internal The subscribe command to send, with the cursor where there is one. */
  _command(id) {
    this.#command = id;
    this.#awaiting = true;
    this.#discardParts();
    const command = { type: "subscribe", id, topic: this.topic };
    if (this.position !== null) command.cursor = { epoch: this.epoch, position: this.position };
    if (this.#options.maxRate !== undefined) command.max_rate = this.#options.maxRate;
    return command;
  }

  /** @internal Does this reply answer the subscribe that counts? */
  _answeredBy(frame) {
    return frame.id !== undefined && frame.id !== null && frame.id === this.#command;
  }

  /** @internal Take a frame of this topic; one that belongs to an earlier attempt is passed over. */
  _receive(frame) {
    if (frame.id === undefined || frame.id === null ? this.#awaiting : !this._answeredBy(frame)) return;
    if (frame.type === "snapshot") this.#snapshot(frame);
    else if (frame.type === "resumed") this.#resumed(frame);
    else if (frame.type === "changes") this.#changes(frame);
    else if (frame.type === "unsubscribed") this.#ended(frame);
  }

  /** @internal The connection is gone: rows stay, as of `position`. */
  _disconnected() {
    this.#awaiting = true;
    this.#discardParts();
    if (this.state === "live") this.#become("stale");
  }

  /** @internal Drop the rows and say why; the page is told of every removal. */
  _drop(state, error = null) {
    const gone = [...this.rows.values()].map(({ kind, key, row }) => ({ kind, key, row: null, before: row }));
    this.rows = new Map();
    this.epoch = this.position = null;
    this.#command = null;
    this.#awaiting = true;
    this.#discardParts();
    this.error = error && { code: error.code, message: error.message ?? "", retry: Boolean(error.retry) };
    if (gone.length) tell(this.#options.onChange, { changes: gone, snapshot: true, position: 0 });
    this.#become(state);
  }

  /** @internal Count one more refusal that may pass; returns how many there were before. */
  _failed() {
    return this.#failures++;
  }

  /** The server gave it up: for good when the right was lost, else perhaps for a while. */
  #ended(frame) {
    if (frame.code === "revoked") this._drop("revoked", frame);
    else if (frame.retry) this.#client._retryLater(this, frame);
    else this._drop("refused", frame);
  }

  #discardParts() {
    this.#building = null;
    this.#parts = [];
  }

  #snapshot(frame) {
    if (frame.first) this.#building = new Map();
    if (this.#building === null) return;
    this.#awaiting = false;
    for (const { kind, key, row } of frame.rows) {
      if (row === null) this.#building.delete(rowId(kind, key));
      else this.#building.set(rowId(kind, key), { kind, key, row });
    }
    if (!frame.last) return;
    const [before, rows] = [this.rows, this.#building];
    this.#discardParts();
    this.rows = rows;
    this.epoch = frame.epoch;
    const changes = [];
    for (const [id, { kind, key, row }] of before) if (!rows.has(id)) changes.push({ kind, key, row: null, before: row });
    for (const [id, { kind, key, row }] of rows) changes.push({ kind, key, row, before: before.get(id)?.row ?? null });
    this.#applied(frame.position, changes, true);
  }

  #resumed(frame) {
    this.#awaiting = false;
    this.epoch = frame.epoch;
  }

  #changes(frame) {
    if (this.position === null || this.#building !== null) return;
    for (const change of frame.changes) this.#parts.push(change);
    if (frame.last === false) return;
    const parts = this.#parts;
    this.#parts = [];
    if (frame.position < this.position) return;
    const changes = [];
    for (const { kind, key, row } of parts) {
      const id = rowId(kind, key);
      const before = this.rows.get(id)?.row ?? null;
      if (row === null && before === null) continue;
      if (row === null) this.rows.delete(id);
      else this.rows.set(id, { kind, key, row });
      changes.push({ kind, key, row, before });
    }
    this.#applied(frame.position, changes, false);
  }

  #applied(position, changes, snapshot) {
    this.position = position;
    this.error = null;
    this.#failures = 0;
    if (snapshot || changes.length) tell(this.#options.onChange, { changes, snapshot, position });
    this.#become("live");
  }

  #become(state) {
    if (state === this.state) return;
    this.state = state;
    this.since = this.#now();
    tell(this.#options.onState, this);
  }
}
