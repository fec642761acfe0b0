/** The bell in the bar: how many notifications are unread, the latest of them, and the page's title with their number. */

import { ENDED } from "./ended.js";
import { atClock } from "./format.js";
import { drawNotices, noticeElement } from "./notice-item.js";
import { notices } from "./notices.js";
import { setText } from "./set-text.js";
import { client } from "./site.js";
import { Toasts } from "./toasts.js";

const LATEST = 15;
const MOST = 99;

const bell = document.querySelector("[data-bell]");
const badge = document.querySelector("[data-bell-count]");
const popover = document.querySelector("[data-notices]");
const inside = (name) => document.querySelector(`[data-notices-${name}]`);
const [list, readAll, asOf, problem, title] = ["list", "read-all", "as-of", "problem", "title"].map(inside);

const pageTitle = document.title;
let ended = false;
/** @type {?number} when what is shown was last known to be right, milliseconds */
let rightAt = null;

const counted = (number) => (number > MOST ? `${MOST}+` : String(number));
const isLive = () => client.state === "live" && notices.subscription.state === "live";

function draw() {
  if (ended) return;
  const live = isLive();
  if (live) rightAt = Date.now();
  const unread = notices.unread.length;
  const since = rightAt === null ? "" : `as of ${atClock(rightAt)}`;
  bell.toggleAttribute("data-stale", notices.ready && !live);
  bell.toggleAttribute("data-unread", unread > 0);
  badge.hidden = unread === 0;
  setText(badge, counted(unread));
  const words = !notices.ready ? "" : unread === 0 ? ", none unread" : `, ${counted(unread)} unread`;
  bell.setAttribute("aria-label", `Notifications${words}${!live && since ? `, ${since}` : ""}`);
  bell.title = !live && since ? `Not live: ${since}` : "";
  const wanted = unread === 0 ? pageTitle : `(${counted(unread)}) ${pageTitle}`;
  if (document.title !== wanted) document.title = wanted;
  if (popover.matches(":popover-open")) drawList(live, since);
}

function drawList(live, since) {
  const { state, error } = notices.subscription;
  const refused = state === "refused" || state === "revoked";
  popover.dataset.stage = refused ? "refused" : !notices.ready ? "loading" : notices.list.length === 0 ? "empty" : "ready";
  asOf.hidden = live || !since;
  setText(asOf, `Not live: ${since}. It goes on by itself.`);
  if (refused) setText(problem, error?.message || "Notifications can't be shown to this account.");
  readAll.hidden = notices.unread.length === 0 && readAll !== document.activeElement;
  readAll.setAttribute("aria-disabled", String(notices.unread.every(({ pending }) => pending)));
  drawNotices(list, notices.list.slice(0, LATEST), (notice) => noticeElement(notice, follow));
}

/** What was clicked counts as read; where it leads is the link's own business. */
function follow({ id, read }) {
  if (!read) ask(notices.markRead([id]));
}

async function ask(asked) {
  setText(problem, "");
  try {
    await asked;
  } catch ({ title: what, detail }) {
    setText(problem, `${what}. ${detail}`);
  }
}

const toasts = new Toasts({ onFollowed: follow, openBell: () => popover.matches(":popover-open") || bell.click() });
notices.addEventListener("news", ({ detail }) => popover.matches(":popover-open") || toasts.tell(detail));
notices.addEventListener("change", () => {
  draw();
  toasts.keep(notices.unread.map(({ id }) => id));
});
client.addEventListener("state", draw);
popover.addEventListener("beforetoggle", ({ newState }) => {
  if (newState !== "open") return;
  toasts.clear();
  setText(problem, "");
  drawList(isLive(), rightAt === null ? "" : `as of ${atClock(rightAt)}`);
});
readAll.addEventListener("click", () => {
  if (readAll.getAttribute("aria-disabled") === "false") ask(notices.markAllRead());
});
document.addEventListener(ENDED, () => {
  ended = true;
  toasts.clear();
  list.replaceChildren();
  document.title = pageTitle;
});
setInterval(draw, 1000);
draw();
