/** What `notice-store.js` promises, one sentence each; run by `test_notice_store.py` in a real browser. */

import { connect } from "/static/realtime/client.js";
import { NoticeStore } from "/static/core/js/notice-store.js";
import { World, equal } from "./fakes.js";

export const cases = new Map();
const test = (promise, body) => cases.set(promise, body);
const TOPIC = "notifications/mine";

const notice = (id, row = {}) => ({
  kind: "notification",
  key: String(id),
  row: { id, title: `No. ${id}`, body: "", level: "info", link: "", audience: "user", created_at: "2026-11-20T12:00:00Z", ...row },
});
const read = (id) => ({ kind: "notificationread", key: String(1000 + id), row: { id: 1000 + id, notification_id: id, read_at: "2026-11-20T12:01:00Z" } });

/** A store whose topic is live with these rows at position 10; `told` has the news, `posts` what was asked. */
function live(rows, { post = () => Promise.resolve({ noted: 1 }) } = {}) {
  const world = new World();
  const client = connect("/ws/", world.surroundings);
  const { document } = world;
  world.posts = [];
  world.told = [];
  const store = new NoticeStore(client, {
    post: (url, body) => (world.posts.push([url, body]), post(url, body)),
    document,
    setTimeout: world.surroundings.setTimeout,
  });
  store.addEventListener("news", ({ detail }) => world.told.push([detail.notices.map(({ id }) => id), detail.away]));
  world.welcome();
  snapshot(world, 10, rows);
  return { world, client, store };
}

function snapshot(world, position, rows, { epoch = "e1" } = {}) {
  const reply = world.sent("subscribe").at(-1).id;
  world.serve({ type: "snapshot", id: reply, topic: TOPIC, epoch, position, rows, first: true, last: true });
}
const pushed = (world, position, rows) => world.serve({ type: "snapshot", topic: TOPIC, epoch: "e1", position, rows, first: true, last: true });
const changes = (world, position, ...rows) => world.serve({ type: "changes", topic: TOPIC, position, changes: rows });

/** Lose the connection, and come back to a server that takes the cursor and then sends these rows. */
function away(world, position, ...rows) {
  world.loseWith(1006);
  world.clock.pass(20_000);
  world.welcome();
  const { id, cursor } = world.sent("subscribe").at(-1);
  world.serve({ type: "resumed", id, topic: TOPIC, ...cursor });
  changes(world, position, ...rows);
}

test("unread is what is live and not joined to a read row, newest first", () => {
  const { store } = live([notice(1), notice(3), notice(2), read(2)]);
  equal(store.list.map(({ id }) => id), [3, 2, 1]);
  equal(store.unread.map(({ id }) => id), [3, 1]);
});

test("what the first snapshot holds is no news", () => {
  const { world } = live([notice(1), notice(2)]);
  world.clock.pass(10_000);
  equal(world.told, []);
});

test("a notification that comes while the page is open is news, once", () => {
  const { world } = live([]);
  changes(world, 11, notice(5));
  changes(world, 12, notice(5, { title: "corrected" }));
  equal(world.told, [[[5], false]]);
});

test("what came during an absence is summed up, once it is all there", () => {
  const { world } = live([notice(1)]);
  away(world, 12, notice(2), notice(3));
  changes(world, 13, notice(4));
  equal(world.told, []);
  world.clock.pass(1_000);
  equal(world.told, [[[4, 3, 2], true]]);
  changes(world, 14, notice(5));
  equal(world.told.slice(1), [[[5], false]]);
});

test("an absence in which nothing came leaves the next one a plain piece of news", () => {
  const { world } = live([notice(1)]);
  away(world, 12);
  world.clock.pass(1_000);
  changes(world, 13, notice(2));
  equal(world.told, [[[2], false]]);
});

test("a snapshot instead of a resume tells of the missed ones and of no others", () => {
  const { world } = live([notice(4), notice(6)]);
  changes(world, 11, notice(7));
  world.loseWith(1006);
  world.clock.pass(20_000);
  world.welcome();
  snapshot(world, 40, [notice(2), notice(4), notice(6), notice(7), notice(8), notice(9)], { epoch: "e2" });
  world.clock.pass(1_000);
  equal(world.told, [[[7], false], [[9, 8], true]]);
});

test("a snapshot that is pushed tells of nothing a second time", () => {
  const { world } = live([notice(1)]);
  changes(world, 11, notice(2));
  pushed(world, 12, [notice(1), notice(2)]);
  world.clock.pass(1_000);
  equal(world.told, [[[2], false]]);
});

test("rows that were taken away for a while are no news when they come again", () => {
  const { world } = live([notice(1), notice(2)]);
  world.serve({ type: "unsubscribed", topic: TOPIC, code: "unavailable", retry: true, message: "later" });
  world.clock.pass(20_000);
  snapshot(world, 12, [notice(1), notice(2)]);
  world.clock.pass(1_000);
  equal(world.told, []);
});

test("what has been read elsewhere meanwhile is no news", () => {
  const { world } = live([]);
  away(world, 12, notice(1), notice(2), read(1), notice(3));
  world.clock.pass(1_000);
  equal(world.told, [[[3, 2], true]]);
});

test("behind other windows it waits, and tells when it is looked at again", () => {
  const { world } = live([]);
  world.document.visibilityState = "hidden";
  world.document.dispatchEvent(new Event("visibilitychange"));
  changes(world, 11, notice(1));
  changes(world, 12, notice(2));
  world.clock.pass(10_000);
  equal(world.told, []);
  world.document.visibilityState = "visible";
  world.document.dispatchEvent(new Event("visibilitychange"));
  world.clock.pass(1_000);
  equal(world.told, [[[2, 1], true]]);
});

test("marking leaves a notification pending and unread until its row arrives", async () => {
  const { world, store } = live([notice(1), notice(2)]);
  await store.markRead([2]);
  equal(world.posts, [["/api/v1/notifications/read", { ids: [2] }]]);
  equal(store.list.map(({ read: isRead, pending }) => [isRead, pending]), [[false, true], [false, false]]);
  changes(world, 11, read(2));
  equal(store.list.map(({ read: isRead, pending }) => [isRead, pending]), [[true, false], [false, false]]);
});

test("marking that fails is pending no more, and says why", async () => {
  const { store } = live([notice(1)], { post: () => Promise.reject(new Error("no answer")) });
  const problem = await store.markRead([1]).catch((error) => error.message);
  equal([problem, store.list[0].pending, store.unread.length], ["no answer", false, 1]);
});

test("all are marked up to the newest that is there", async () => {
  const { world, store } = live([notice(1), notice(7), read(7), notice(3)]);
  await store.markAllRead();
  equal(world.posts, [["/api/v1/notifications/read", { all_up_to: 7 }]]);
  equal(store.list.map(({ pending }) => pending), [false, true, true]);
});

test("a notification that is archived leaves the list", () => {
  const { world, store } = live([notice(1), notice(2)]);
  changes(world, 11, { kind: "notification", key: "1", row: null });
  equal(store.list.map(({ id }) => id), [2]);
});
