/** One notification as an element, wherever it is shown: in the bell, as a toast, on its page. */

import { ago, atFull } from "./format.js";
import { setText } from "./set-text.js";

/** Level → what it is called, and the path of its sign: no level is told by its colour alone. */
const LEVELS = {
  info: ["Information", "M10 9v4.6M10 6.2v.3M17.5 10a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0z"],
  success: ["Success", "m6.6 10.3 2.3 2.4 4.5-5M17.5 10a7.5 7.5 0 1 1-15 0 7.5 7.5 0 0 1 15 0z"],
  warning: ["Warning", "M10 7.6v3.8M10 14v.3M10 2.9 18 16.8H2z"],
  error: ["Error", "m7.6 7.6 4.8 4.8m0-4.8-4.8 4.8M6.9 2.5h6.2l4.4 4.4v6.2l-4.4 4.4H6.9l-4.4-4.4V6.9z"],
};
const AUDIENCES = { user: "for you", customer: "for your company", role: "for your team", everyone: "for everyone" };

const part = (element, name) => element.querySelector(`[data-notice-${name}]`);

/** Is there a place that it leads to? Others than these two kinds are never followed. */
export const leadsTo = ({ link }) => (/^(\/(?![/\\])|https:\/\/)/.test(link) ? link : null);

/**
 * Make the element of a notification: `<li>` with everything in one link, or in a button where it leads nowhere.
 *
 * @param {import("./notice-store.js").Notice} notice
 * @param {(notice: import("./notice-store.js").Notice) => void} onFollowed  it was clicked, whatever the browser does then
 */
export function noticeElement(notice, onFollowed) {
  const item = document.querySelector("template[data-notice]").content.firstElementChild.cloneNode(true);
  const link = leadsTo(notice);
  const control = document.createElement(link === null ? "button" : "a");
  if (link === null) control.type = "button";
  else control.href = link;
  control.className = "notice-control";
  control.append(...item.childNodes);
  item.append(control);
  control.addEventListener("click", () => onFollowed(notice));
  control.addEventListener("auxclick", ({ button }) => button === 1 && onFollowed(notice));
  item.dataset.id = notice.id;
  item.dataset.level = notice.level;
  part(item, "icon").setAttribute("d", (LEVELS[notice.level] ?? LEVELS.info)[1]);
  setText(part(item, "title"), notice.title);
  setText(part(item, "body"), notice.body);
  setText(part(item, "audience"), AUDIENCES[notice.audience] ?? "");
  part(item, "ago").dateTime = new Date(notice.at).toISOString();
  part(item, "ago").title = atFull(notice.at);
  drawNotice(item, notice);
  return item;
}

/** Bring what changes of a notification's element up to date: whether it is read, and how old it is. */
export function drawNotice(item, { level, at, read, pending }) {
  item.toggleAttribute("data-unread", !read);
  item.toggleAttribute("data-pending", pending && !read);
  setText(part(item, "level"), `${(LEVELS[level] ?? LEVELS.info)[0]}${read ? "" : ", unread"}: `);
  setText(part(item, "ago"), ago(at));
}

/**
 * Make a list hold the elements of these notifications in this order; those that stay keep their focus.
 *
 * @param {Element} list
 * @param {import("./notice-store.js").Notice[]} notices
 * @param {(notice: import("./notice-store.js").Notice) => Element} make
 */
export function drawNotices(list, notices, make) {
  const there = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const wanted = notices.map((notice) => {
    const item = there.get(String(notice.id));
    if (item) drawNotice(item, notice);
    return item ?? make(notice);
  });
  const kept = new Set(wanted);
  for (const item of there.values()) if (!kept.has(item)) item.remove();
  for (const [index, item] of wanted.entries()) if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
}
