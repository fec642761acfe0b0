/** The page of notifications: the live ones by day, those that are unread if one likes, and the archive by pages. */

import { count } from "./format.js";
import { drawNotices, noticeElement } from "./notice-item.js";
import { noticeOf } from "./notice-store.js";
import { notices } from "./notices.js";
import { get } from "./post.js";
import { setText } from "./set-text.js";
import { connection } from "./site.js";

const PAGE = 50;

const main = document.querySelector("main");
const form = main.querySelector("[data-filters]");
const at = (name) => main.querySelector(`[data-${name}]`);
const [live, archive, earlier, more, end] = ["live", "archive", "earlier", "more", "the-end"].map(at);

const weekday = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const longAgo = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });

/** What a day is called by somebody who looks at it now. */
function dayOf(milliseconds) {
  const day = new Date(milliseconds).setHours(0, 0, 0, 0);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - day) / 86_400_000);
  if (days <= 0) return "Today";
  return days === 1 ? "Yesterday" : (days < 300 ? weekday : longAgo).format(day);
}

/** Make a box hold these notifications under their days; what stays keeps its focus. */
function drawDays(box, list) {
  const days = Map.groupBy(list, (notice) => dayOf(notice.at));
  const there = new Map([...box.children].map((section) => [section.dataset.day, section]));
  for (const [day, section] of there) if (!days.has(day)) section.remove();
  for (const [index, [day, notices]] of [...days].entries()) {
    const section = there.get(day) ?? dayElement(day);
    if (box.children[index] !== section) box.insertBefore(section, box.children[index] ?? null);
    drawNotices(section.querySelector("ol"), notices, make);
  }
}

function dayElement(day) {
  const section = document.createElement("section");
  section.dataset.day = day;
  section.append(Object.assign(document.createElement("h3"), { className: "told-day", textContent: day }), document.createElement("ol"));
  return section;
}

function make(notice) {
  const item = noticeElement(notice, ({ id }) => mark([id]));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "button quiet told-read", textContent: "Mark as read" });
  button.setAttribute("aria-label", `Mark as read: ${notice.title}`);
  button.addEventListener("click", () => {
    item.querySelector(".notice-control").focus();
    mark([notice.id]);
  });
  item.append(button);
  return item;
}

async function mark(ids) {
  const unread = new Set(notices.unread.map(({ id }) => id));
  const asked = ids.filter((id) => unread.has(id));
  if (asked.length) await ask(() => notices.markRead(asked));
}

async function ask(request) {
  setText(at("problem"), "");
  try {
    await request();
  } catch ({ title, detail }) {
    setText(at("problem"), `${title}. ${detail}`);
  }
}

const onlyUnread = () => new FormData(form).get("show") === "unread";

function stage(shown) {
  const { state } = notices.subscription;
  if (state === "refused" || state === "revoked") return "refused";
  if (!notices.ready) return "loading";
  if (shown.length) return "ready";
  return notices.list.length ? "filtered" : "empty";
}

function draw() {
  const unread = notices.unread;
  const shown = onlyUnread() ? unread : notices.list;
  main.dataset.stage = stage(shown);
  setText(at("refused-text"), notices.subscription.error?.message ?? "");
  setText(main.querySelector("[data-count=all]"), notices.ready ? count(notices.list.length) : "");
  setText(main.querySelector("[data-count=unread]"), notices.ready ? count(unread.length) : "");
  at("read-all").disabled = unread.every(({ pending }) => pending);
  earlier.hidden = !notices.ready || onlyUnread();
  drawDays(live, shown);
}

/** Where the archive goes on: from below the oldest live one, then from what the last page said; null: there is no more. */
let next;
const listed = new Map();

async function loadMore() {
  if (more.classList.contains("busy")) return;
  more.classList.add("busy");
  setText(at("archive-problem"), "");
  const before = next ?? notices.list.at(-1)?.id;
  const query = new URLSearchParams({ limit: PAGE, ...(before === undefined ? {} : { before }) });
  try {
    const page = await get(`/api/v1/notifications?${query}`);
    for (const each of page.notifications) listed.set(each.id, { ...noticeOf(each), read: each.read, pending: false });
    next = page.next;
    drawDays(archive, [...listed.values()]);
    more.hidden = next === null;
    end.hidden = next !== null;
    setText(end, listed.size ? "That is all there ever was." : "There is nothing earlier.");
    if (next === null) end.focus({ preventScroll: true });
  } catch ({ title, detail }) {
    setText(at("archive-problem"), `${title}. ${detail}`);
  } finally {
    more.classList.remove("busy");
  }
}

const choose = (value) => (form.querySelector(`[name=show][value="${value}"]`).checked = true);
choose(new URLSearchParams(location.search).get("show") === "unread" ? "unread" : "");
form.addEventListener("input", () => {
  history.replaceState(null, "", onlyUnread() ? "?show=unread" : location.pathname);
  draw();
});
form.addEventListener("submit", (event) => event.preventDefault());
at("show-all").addEventListener("click", () => {
  choose("");
  form.dispatchEvent(new Event("input"));
});
at("read-all").addEventListener("click", () => ask(() => notices.markAllRead()));
more.addEventListener("click", loadMore);
notices.addEventListener("change", () => {
  draw();
  connection.changed(Math.max(0, ...notices.list.map((notice) => notice.at)) || null);
});
connection.follow(notices.subscription);
setInterval(draw, 5_000);
draw();
