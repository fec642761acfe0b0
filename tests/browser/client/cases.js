/** What `client.js` promises, one sentence each; run by `test_client_module.py` in a real browser. */

import { connect } from "/static/realtime/client.js";
import { World, equal, items } from "./fakes.js";

export const cases = new Map();
const test = (promise, body) => cases.set(promise, body);

/** A client that is live on one topic, `things`, with the rows a and b at position 10. */
function live(options = {}) {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  world.updates = [];
  world.states = [];
  client.addEventListener("state", () => world.states.at(-1) !== client.state && world.states.push(client.state));
  const things = client.subscribe("things", { onChange: (update) => world.updates.push(update), ...options });
  world.welcome();
  world.snapshot({ a: { n: 1 }, b: { n: 2 } });
  return { world, client, things };
}

const shown = (subscription) => Object.fromEntries([...subscription.all("item")].map(({ key, row }) => [key, row.n]));

test("it connects to the page's own host with the subprotocol and subscribes when welcomed", () => {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  client.subscribe("things", { maxRate: 2 });
  equal(world.socket.url, location.origin.replace("http", "ws") + "/ws/");
  equal(world.socket.protocols, ["realtime.v1"]);
  equal(world.socket.sent, []);
  equal(client.state, "connecting");
  world.welcome();
  equal(world.socket.sent, [{ type: "subscribe", id: 1, topic: "things", max_rate: 2 }]);
  equal([client.state, client.user, client.session], ["live", "anna", "s1"]);
});

test("a snapshot gives the rows at its position, and the page is told of each", () => {
  const { world, things } = live();
  equal(shown(things), { a: 1, b: 2 });
  equal([things.state, things.position, things.epoch], ["live", 10, "e1"]);
  equal(world.updates, [{
    changes: [
      { kind: "item", key: "a", row: { n: 1 }, before: null },
      { kind: "item", key: "b", row: { n: 2 }, before: null },
    ],
    snapshot: true,
    position: 10,
  }]);
});

test("changes set and remove rows and advance the position; removing an unknown key does nothing", () => {
  const { world, things } = live();
  world.changes(12, { a: { n: 5 }, b: null, zebra: null });
  equal(shown(things), { a: 5 });
  equal(things.position, 12);
  equal(world.updates[1].changes.map(({ key, row, before }) => [key, row, before]), [["a", { n: 5 }, { n: 1 }], ["b", null, { n: 2 }]]);
});

test("an empty list advances the position without telling of a change", () => {
  const { world, things } = live();
  world.changes(40, {});
  equal([things.position, world.updates.length], [40, 1]);
});

test("a snapshot in several frames is applied only when its last part is there, and its position counts", () => {
  const { world, things } = live();
  const part = { type: "snapshot", topic: "things", epoch: "e2" };
  world.serve({ ...part, position: 20, rows: items({ c: { n: 3 }, d: { n: 4 } }), first: true, last: false });
  equal(shown(things), { a: 1, b: 2 });
  world.serve({ ...part, position: 22, rows: items({ c: { n: 33 }, d: null, e: { n: 5 } }), first: false, last: true });
  equal(shown(things), { c: 33, e: 5 });
  equal([things.position, things.epoch, world.updates.length], [22, "e2", 2]);
});

test("a snapshot that was cut off by the connection's end leaves no trace", () => {
  const { world, things } = live();
  const part = { type: "snapshot", topic: "things", epoch: "e2" };
  world.serve({ ...part, position: 20, rows: items({ c: { n: 3 } }), first: true, last: false });
  world.loseWith(1006);
  world.clock.pass(500);
  world.welcome();
  const { id, cursor } = world.sent("subscribe")[0];
  equal(cursor, { epoch: "e1", position: 10 });
  world.serve({ ...part, id, position: 20, rows: items({ d: { n: 4 } }), first: false, last: true });
  equal(shown(things), { a: 1, b: 2 });
});

test("changes in several frames are applied together", () => {
  const { world, things } = live();
  world.changes(15, { a: { n: 7 } }, { last: false });
  equal([shown(things), things.position], [{ a: 1, b: 2 }, 10]);
  world.changes(15, { b: { n: 8 } });
  equal([shown(things), things.position], [{ a: 7, b: 8 }, 15]);
  equal(world.updates.length, 2);
});

test("a position never goes back within what is shown", () => {
  const { world, things } = live();
  world.changes(30, { a: { n: 30 } });
  world.changes(29, { a: { n: 29 } });
  equal([shown(things), things.position], [{ a: 30, b: 2 }, 30]);
});

test("frames of unknown types, of unknown topics and with unknown fields are passed over", () => {
  const { world, things, client } = live();
  world.serve({ type: "confetti", topic: "things" }, { type: "heartbeat" }, { type: "changes", topic: "other", position: 99, changes: [] });
  world.changes(11, { a: { n: 3 } }, { sparkle: true });
  equal([shown(things), client.state], [{ a: 3, b: 2 }, "live"]);
});

test("a lost connection keeps the rows as stale and comes back with the cursor", () => {
  const { world, client, things } = live();
  world.changes(12, { a: { n: 5 } });
  world.loseWith(1006);
  equal([client.state, things.state, shown(things)], ["reconnecting", "stale", { a: 5, b: 2 }]);
  world.clock.pass(250);
  world.welcome();
  const [{ id, cursor }] = world.sent("subscribe");
  equal(cursor, { epoch: "e1", position: 12 });
  world.serve({ type: "resumed", id, topic: "things", epoch: "e1", position: 12 });
  equal(things.state, "stale", "until it has caught up");
  world.changes(12, {});
  equal([things.state, client.state], ["live", "live"]);
});

test("a resume that can't be had is a snapshot that replaces everything and names what went", () => {
  const { world, things } = live();
  world.loseWith(4000);
  world.clock.pass(500);
  world.welcome();
  world.snapshot({ b: { n: 9 } }, { position: 3, epoch: "e9" });
  equal([shown(things), things.position, things.epoch, things.state], [{ b: 9 }, 3, "e9", "live"]);
  equal(world.updates[1].changes.map(({ key, row }) => [key, row]), [["a", null], ["b", { n: 9 }]]);
});

test("backoff doubles from half a second to twenty, with full jitter, and starts again after a steady connection", () => {
  const { world, client } = live();
  const waits = [];
  world.jitter = 1;
  for (let turn = 0; turn < 8; turn++) {
    world.loseWith(1006);
    waits.push(client.retryAt - world.clock.now);
    world.clock.pass(client.retryAt - world.clock.now);
  }
  equal(waits, [500, 1000, 2000, 4000, 8000, 16000, 20000, 20000]);
  world.welcome();
  world.clock.pass(10_000);
  world.jitter = 0.1;
  world.loseWith(1006);
  equal(client.retryAt - world.clock.now, 50);
});

test("a server that welcomes and closes at once is not asked ever faster", () => {
  const { world, client } = live();
  world.jitter = 1;
  for (const expected of [500, 1000, 2000]) {
    world.loseWith(4003);
    equal(client.retryAt - world.clock.now, expected);
    world.clock.pass(expected);
    world.welcome();
  }
});

test("close codes say whether to come back", () => {
  const outcomes = { 1000: "closed", 1001: "reconnecting", 1006: "reconnecting", 1011: "reconnecting", 3000: "reconnecting",
    4000: "reconnecting", 4029: "reconnecting", 4499: "reconnecting", 4500: "refused", 4501: "refused", 4999: "refused" };
  for (const [code, expected] of Object.entries(outcomes)) {
    const { world, client } = live();
    world.loseWith(Number(code));
    equal([client.state, client.code], [expected, Number(code)], `after ${code}`);
    world.clock.pass(120_000);
    equal(world.sockets.length > 1, expected === "reconnecting", `came back after ${code}`);
  }
});

test("after being refused it stays away, also when the network or the page comes back, until it is asked", () => {
  const { world, client, things } = live();
  world.loseWith(4501);
  world.window.dispatchEvent(new Event("online"));
  world.window.dispatchEvent(new Event("pageshow"));
  world.document.dispatchEvent(new Event("visibilitychange"));
  client.check();
  equal([world.sockets.length, things.state, shown(things)], [1, "stale", { a: 1, b: 2 }]);
  client.reconnect();
  equal([world.sockets.length, client.state], [2, "connecting"]);
  world.welcome();
  equal(world.sent("subscribe").length, 1);
});

test("nothing heard for twice the heartbeat: it closes with 4002 and comes back", () => {
  const { world, client } = live();
  world.clock.pass(18_000);
  equal(client.state, "live");
  world.clock.pass(2_000);
  equal(client.state, "stale", "silent for longer than the heartbeat");
  world.clock.pass(10_000);
  equal([world.sockets[0].closedWith.code, client.state], [4002, "reconnecting"]);
  world.clock.pass(500);
  equal(world.sockets.length, 2);
});

test("heartbeats alone keep it live", () => {
  const { world, client } = live();
  for (let minute = 0; minute < 20; minute++) {
    world.clock.pass(15_000);
    world.serve({ type: "heartbeat" });
  }
  equal([client.state, world.sockets.length, world.states], ["live", 1, ["live"]]);
});

test("a silent connection that speaks again is live again", () => {
  const { world, client } = live();
  world.clock.pass(25_000);
  equal(client.state, "stale");
  world.serve({ type: "heartbeat" });
  equal(client.state, "live");
});

test("a connection that is never welcomed is given up after ten seconds", () => {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  world.clock.pass(10_000);
  equal([world.sockets[0].closedWith.code, client.state], [4002, "reconnecting"]);
});

test("after sleep it asks at once, and keeps a connection that answers", () => {
  const { world, client } = live();
  world.clock.sleep(3_600_000);
  equal([client.state, world.sent("ping").length, world.sockets.length], ["stale", 1, 1]);
  world.serve({ type: "pong", id: world.sent("ping")[0].id });
  world.clock.pass(10_000);
  equal([client.state, world.sockets.length], ["live", 1]);
});

test("after sleep a connection that doesn't answer is replaced within four seconds", () => {
  const { world, client } = live();
  world.clock.sleep(60_000);
  world.clock.pass(4_000);
  equal([world.sockets[0].closedWith.code, client.state], [4002, "reconnecting"]);
});

test("timers that are throttled for minutes still notice a dead connection", () => {
  const { world } = live();
  world.clock.sleep(60_000);
  world.clock.sleep(60_000);
  equal(world.sockets[0].closedWith?.code, 4002);
});

test("a page that is shown, or a network that returns, checks the connection", () => {
  for (const wake of [(w) => w.window.dispatchEvent(new Event("pageshow")), (w) => w.window.dispatchEvent(new Event("online")),
    (w) => w.window.dispatchEvent(new Event("offline")), (w) => w.document.dispatchEvent(new Event("visibilitychange"))]) {
    const { world, client } = live();
    wake(world);
    equal(world.sent("ping").length, 1);
    world.clock.pass(2_000);
    equal(client.state, "stale");
    world.serve({ type: "pong", id: 1 });
    equal(client.state, "live");
  }
});

test("a page that is hidden asks nothing", () => {
  const { world } = live();
  world.document.visibilityState = "hidden";
  world.document.dispatchEvent(new Event("visibilitychange"));
  equal(world.sent("ping"), []);
});

test("without a network it says offline, and the network's return is used at once", () => {
  const { world, client } = live();
  world.online = false;
  world.loseWith(1006);
  equal(client.state, "offline");
  world.online = true;
  world.window.dispatchEvent(new Event("online"));
  equal(world.sockets.length, 2);
  world.welcome();
  equal(client.state, "live");
});

test("a browser that is wrong about its network does not keep it away", () => {
  const { world, client } = live();
  world.online = false;
  world.loseWith(1006);
  world.clock.pass(500);
  equal(world.sockets.length, 2);
  world.welcome();
  equal(client.state, "live");
});

test("an error to a subscribe drops the topic's rows and does not ask again", () => {
  const { world, things } = live();
  world.loseWith(1006);
  world.clock.pass(500);
  world.welcome();
  world.serve({ type: "error", id: world.sent("subscribe")[0].id, code: "forbidden", message: "no", retry: false });
  equal([things.state, shown(things), things.error], ["refused", {}, { code: "forbidden", message: "no", retry: false }]);
  equal(world.updates[1].changes.map(({ row }) => row), [null, null]);
  world.clock.pass(5_000);
  equal(world.sent("subscribe").length, 1);
  world.serve({ type: "heartbeat" });
  world.loseWith(1006);
  world.clock.pass(5_000);
  world.welcome();
  equal(world.sent("subscribe"), []);
});

test("an error that may pass is asked again with backoff, without the old cursor", () => {
  const { world, things } = live();
  world.jitter = 1;
  world.loseWith(1006);
  world.clock.pass(500);
  world.welcome();
  const waits = [500, 1000, 2000];
  for (const [turn, wait] of waits.entries()) {
    world.serve({ type: "error", id: world.sent("subscribe").at(-1).id, code: "unavailable", message: "soon", retry: true });
    equal([things.state, things.error.code], ["loading", "unavailable"]);
    world.clock.pass(wait - 1);
    equal(world.sent("subscribe").length, turn + 1);
    world.clock.pass(1);
    equal(world.sent("subscribe").length, turn + 2);
    equal("cursor" in world.sent("subscribe").at(-1), false);
  }
  world.snapshot({ z: { n: 1 } });
  equal([things.state, things.error, shown(things)], ["live", null, { z: 1 }]);
});

test("a revoked topic loses its rows, says so, and is not asked for again", () => {
  const { world, things } = live();
  world.serve({ type: "unsubscribed", topic: "things", code: "revoked" });
  equal([things.state, shown(things)], ["revoked", {}]);
  world.loseWith(1006);
  world.clock.pass(500);
  world.welcome();
  equal(world.sent("subscribe"), []);
});

test("a topic that the server gives up for a while loses its rows and is asked for again with backoff, whatever the code", () => {
  const { world, client, things } = live();
  const states = [];
  world.jitter = 1;
  for (const [turn, code] of ["unavailable", "rate_limited", "something_new"].entries()) {
    const before = world.sent("subscribe").length;
    world.serve({ type: "unsubscribed", topic: "things", code, message: "soon", retry: true });
    states.push(things.state);
    equal([shown(things), things.position, things.error], [{}, null, { code, message: "soon", retry: true }]);
    equal(world.updates.at(-1).changes.map(({ row }) => row), turn ? [null] : [null, null]);
    world.changes(99, { late: { n: 99 } });
    equal(things.rows.size, 0, "what was under way is of the ended subscription");
    world.clock.pass(499);
    equal(world.sent("subscribe").length, before);
    world.clock.pass(1);
    equal(world.sent("subscribe").length, before + 1);
    equal("cursor" in world.sent("subscribe").at(-1), false);
    world.snapshot({ z: { n: turn } }, { position: 20 + turn });
    equal([things.state, things.error, shown(things)], ["live", null, { z: turn }]);
  }
  equal([states, client.state, world.sockets.length], [["loading", "loading", "loading"], "live", 1]);
});

test("a topic that the server gives up again and again is asked for ever less often, and no more once unsubscribed", () => {
  const { world, things } = live();
  world.jitter = 1;
  world.serve({ type: "unsubscribed", topic: "things", code: "unavailable", retry: true });
  for (const wait of [500, 1000, 2000]) {
    const before = world.sent("subscribe").length;
    world.clock.pass(wait - 1);
    equal(world.sent("subscribe").length, before, `before ${wait} ms`);
    world.clock.pass(1);
    equal(world.sent("subscribe").length, before + 1, `after ${wait} ms`);
    world.serve({ type: "error", id: world.sent("subscribe").at(-1).id, code: "unavailable", message: "soon", retry: true });
  }
  things.unsubscribe();
  const before = world.sent("subscribe").length;
  world.clock.pass(10_000);
  equal([things.state, world.sent("subscribe").length], ["closed", before]);
});

test("a topic that the server gives up for good is refused, not revoked; one that was revoked stays so", () => {
  for (const [frame, state] of [[{ code: "snapshot_too_large" }, "refused"], [{ code: "unavailable", retry: false }, "refused"], [{ code: "revoked", retry: true }, "revoked"]]) {
    const { world, things } = live();
    world.serve({ type: "unsubscribed", topic: "things", ...frame });
    equal([things.state, shown(things), things.error.code], [state, {}, frame.code]);
    world.clock.pass(5_000);
    equal(world.sent("subscribe").length, 1, `${frame.code}: asked again`);
  }
});

test("an error reply that belongs to no topic is handed to the page", () => {
  const { world, client } = live();
  const seen = [];
  client.addEventListener("error", ({ detail }) => seen.push(detail.code));
  world.serve({ type: "error", id: 77, code: "rate_limited", message: "slowly", retry: true });
  equal(seen, ["rate_limited"]);
});

test("unsubscribing drops the rows, tells the server, and frees the name; late frames of the old one are ignored", () => {
  const { world, client, things } = live();
  things.unsubscribe();
  equal([things.state, shown(things)], ["closed", {}]);
  equal(world.sent("unsubscribe").map(({ topic }) => topic), ["things"]);
  const again = client.subscribe("things");
  world.changes(50, { a: { n: 50 } });
  world.serve({ type: "snapshot", topic: "things", epoch: "e1", position: 50, rows: items({ a: { n: 50 } }), first: true, last: true });
  world.serve({ type: "unsubscribed", topic: "things", id: world.sent("unsubscribe")[0].id });
  equal([again.state, again.rows.size], ["loading", 0]);
  world.snapshot({ q: { n: 1 } }, { position: 51 });
  equal([again.state, shown(again)], ["live", { q: 1 }]);
});

test("a topic is subscribed once at a time", () => {
  const { client } = live();
  let refused = null;
  try {
    client.subscribe("things");
  } catch (error) {
    refused = error.message;
  }
  equal(refused, '"things" is subscribed already; unsubscribe it first');
});

test("a frame that can't be read costs the connection, never the truth", () => {
  for (const data of ["{", "7", "null"]) {
    const { world, client, things } = live();
    world.socket.onmessage({ data });
    equal([world.sockets[0].closedWith.code, client.state, things.state], [4400, "reconnecting", "stale"]);
  }
});

test("another protocol version is refused", () => {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  world.serve({ type: "welcome", protocol: 2, heartbeat_seconds: 15 });
  equal([client.state, client.code, world.socket.closedWith.code], ["refused", 4509, 4509]);
});

test("close ends it for good: no timer is left, and a late frame changes nothing", () => {
  const { world, client, things } = live();
  client.close();
  equal([client.state, world.socket.closedWith.code, things.state], ["closed", 1000, "stale"]);
  world.clock.pass(600_000);
  world.window.dispatchEvent(new Event("online"));
  equal(world.sockets.length, 1);
});

test("a callback that throws is reported and harms nothing else", () => {
  const reported = [];
  const original = globalThis.reportError;
  globalThis.reportError = (error) => reported.push(error.message);
  try {
    const { world, things } = live({ onChange: () => { throw new Error("the page's own"); } });
    world.changes(11, { a: { n: 2 } });
    equal([things.position, reported], [11, ["the page's own", "the page's own"]]);
  } finally {
    globalThis.reportError = original;
  }
});

test("every change of state is announced once, with the time it began", () => {
  const { world, client } = live();
  world.clock.pass(19_000);
  equal([client.state, client.since], ["stale", world.clock.now]);
  world.loseWith(1006);
  world.clock.pass(500);
  world.welcome();
  equal(world.states, ["live", "stale", "reconnecting", "live"]);
});

// The frames of tests/frames/ are the protocol's examples: the Python side checks that the server sends these.

const frame = async (name) => (await (await fetch(`/frames/${name}.json`)).json()).frame;

/** A client on `stock` that has the first answer `name`, and the frames that the test needs besides. */
async function golden(...names) {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  const stock = client.subscribe("stock");
  const frames = await Promise.all(names.map(frame));
  world.serve(await frame("welcome"));
  return { world, client, stock, frames };
}

test("example frames: the commands are as the examples have them", async () => {
  const { world, client, stock } = await golden();
  equal(world.sent("subscribe")[0], await frame("subscribe"));
  world.serve(await frame("snapshot"));
  stock.unsubscribe();
  equal(world.sent("unsubscribe")[0], await frame("unsubscribe"));
  client.check();
  equal(world.sent("ping")[0], await frame("ping"));
  client.subscribe("stock", { maxRate: 2 });
  equal({ ...world.sent("subscribe")[1], id: "a" }, await frame("subscribe-max-rate"));
});

test("example frames: a snapshot and its changes", async () => {
  const { world, stock, frames } = await golden("snapshot", "changes", "changes-empty");
  world.serve(frames[0]);
  equal([stock.rows.size, stock.epoch, stock.position], [frames[0].rows.length, frames[0].epoch, 41]);
  world.serve(frames[1]);
  for (const { kind, key, row } of frames[1].changes) equal(stock.get(kind, key) ?? null, row);
  equal(stock.position, frames[1].position);
  world.serve(frames[2]);
  equal(stock.position, frames[2].position);
});

test("example frames: a snapshot and an update in parts, then a pushed snapshot", async () => {
  const { world, stock, frames } = await golden("snapshot-first", "snapshot-last", "changes-part", "snapshot-push");
  world.serve(frames[0]);
  equal(stock.rows.size, 0);
  world.serve(frames[1]);
  equal(stock.position, frames[1].position);
  const before = JSON.stringify([...stock.rows]);
  world.serve(frames[2]);
  equal(JSON.stringify([...stock.rows]), before);
  world.serve({ ...frames[2], changes: [], last: undefined });
  for (const { kind, key, row } of frames[2].changes) equal(stock.get(kind, key) ?? null, row);
  world.serve(frames[3]);
  equal([...stock.rows.values()], frames[3].rows.filter(({ row }) => row !== null));
});

test("example frames: resuming", async () => {
  const { world, stock, frames } = await golden("snapshot", "resumed", "changes", "subscribe-cursor");
  world.serve(frames[0]);
  world.loseWith(4000);
  world.clock.pass(500);
  world.serve(await frame("welcome-anonymous"));
  const [command] = world.sent("subscribe");
  equal({ ...command, id: 1 }, frames[3]);
  world.serve({ ...frames[1], id: command.id });
  equal(stock.state, "stale");
  world.serve(frames[2]);
  equal([stock.state, stock.position], ["live", frames[2].position]);
});

test("example frames: what ends a topic", async () => {
  for (const [name, state, again] of [["error", "refused", 0], ["error-retry", "loading", 1], ["unsubscribed-unavailable", "loading", 1], ["unsubscribed-revoked", "revoked", 0]]) {
    const { world, stock, frames } = await golden("snapshot", name);
    world.serve(frames[0]);
    const id = "id" in frames[1] ? { id: 1 } : {};
    world.serve({ ...frames[1], ...id, ...("topic" in frames[1] ? { topic: "stock" } : {}) });
    equal([stock.state, stock.rows.size], [state, 0], name);
    world.clock.pass(1_000);
    equal(world.sent("subscribe").length - 1, again, `${name}: asked again`);
  }
});

test("example frames: what belongs to no topic disturbs none", async () => {
  const { world, client, stock, frames } = await golden("snapshot", "pong", "heartbeat", "error-without-id", "unsubscribed");
  for (const each of frames) world.serve(each);
  equal([client.state, stock.state, stock.rows.size], ["live", "live", frames[0].rows.length]);
});
