/** Surroundings without a network or a clock: time passes only when a test says so. */

export class FakeClock {
  now = 1_000_000;
  #timers = new Map();
  #ids = 0;

  setTimeout(callback, milliseconds) {
    this.#timers.set(++this.#ids, { callback, due: this.now + milliseconds });
    return this.#ids;
  }

  clearTimeout(id) {
    this.#timers.delete(id);
  }

  /** Let time pass; timers run in the order in which they fall due. */
  pass(milliseconds) {
    const until = this.now + milliseconds;
    for (;;) {
      const next = [...this.#timers].filter(([, { due }]) => due <= until).sort(([, a], [, b]) => a.due - b.due)[0];
      if (!next) break;
      this.#timers.delete(next[0]);
      this.now = Math.max(this.now, next[1].due);
      next[1].callback();
    }
    this.now = until;
  }

  /** The machine sleeps: time passes and no timer runs; the overdue ones run on waking. */
  sleep(milliseconds) {
    this.now += milliseconds;
    this.pass(0);
  }
}

class FakeSocket {
  sent = [];
  closedWith = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
  }

  send(text) {
    if (this.closedWith) throw new Error("sent on a closed socket");
    this.sent.push(JSON.parse(text));
  }

  close(code, reason) {
    this.closedWith = { code, reason };
  }
}

/** A client's world, and the server's side of it. `jitter` is what the random source gives. */
export class World {
  clock = new FakeClock();
  window = new EventTarget();
  document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  online = true;
  jitter = 0.5;
  sockets = [];

  get surroundings() {
    const world = this;
    return {
      WebSocket: class extends FakeSocket {
        constructor(...given) {
          super(...given);
          world.sockets.push(this);
        }
      },
      now: () => this.clock.now,
      setTimeout: (callback, milliseconds) => this.clock.setTimeout(callback, milliseconds),
      clearTimeout: (timer) => this.clock.clearTimeout(timer),
      random: () => this.jitter,
      online: () => this.online,
      window: this.window,
      document: this.document,
    };
  }

  get socket() {
    return this.sockets.at(-1);
  }

  /** The commands of one type that the newest connection carried. */
  sent(type) {
    return this.socket.sent.filter((command) => command.type === type);
  }

  serve(...frames) {
    for (const frame of frames) this.socket.onmessage({ data: JSON.stringify(frame) });
  }

  welcome() {
    this.serve({ type: "welcome", protocol: 1, session: "s1", user: "anna", heartbeat_seconds: 15, limits: {} });
  }

  /** Answer the newest subscribe with a snapshot of one kind, `item`. */
  snapshot(rows, { position = 10, epoch = "e1", topic = "things" } = {}) {
    const { id } = this.sent("subscribe").at(-1);
    this.serve({ type: "snapshot", id, topic, epoch, position, rows: items(rows), first: true, last: true });
  }

  changes(position, rows, more = {}) {
    this.serve({ type: "changes", topic: "things", position, changes: items(rows), ...more });
  }

  loseWith(code) {
    this.socket.onclose({ code, reason: "" });
  }
}

/** `{a: {n: 1}, b: null}` as the rows of a frame. */
export const items = (rows) => Object.entries(rows).map(([key, row]) => ({ kind: "item", key, row }));

export function equal(actual, expected, what = "value") {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: expected ${b}, got ${a}`);
}
