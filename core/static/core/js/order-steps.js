/** The way of an order: its steps, what is next, and what is expected when, in words. */

import { sentence } from "./format.js";

/** The way, in order; a draft has not begun it, a cancelled order has left it. */
export const STEPS = ["placed", "paid", "picking", "shipped", "delivered"];

/** By status: the step that follows, as it is asked for, as its button says it, and as one waits for it. */
const FOLLOWS = {
  placed: { step: "pay", action: "Mark as paid", expected: "payment" },
  paid: { step: "start_picking", action: "Start picking", expected: "being picked" },
  picking: { step: "ship", action: "Ship", expected: "being shipped" },
  shipped: { step: "deliver", action: "Delivered", expected: "delivery" },
};
const CANCELLABLE = new Set(["draft", "placed", "paid", "picking"]);
const DAY_MS = 86_400_000;

const day = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const brief = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

/** The step that follows, or undefined at the end of the way and off it. */
export const following = (status) => FOLLOWS[status];
export const isOpen = (status) => status in FOLLOWS;
export const mayBeCancelled = (status) => CANCELLABLE.has(status);

/** Is what was promised still to come, though its time is over? */
export const isLate = ({ status, promised_at: promised }, now = Date.now()) =>
  isOpen(status) && promised !== null && Date.parse(promised) < now;

/** A day as one speaks of it: "today", "yesterday", "Friday 27 November", or `short`, "Fri 27 Nov". */
export function spokenDay(text, { now = new Date(), short = false } = {}) {
  const date = new Date(text);
  const midnight = (moment) => new Date(moment.getFullYear(), moment.getMonth(), moment.getDate());
  const days = Math.round((midnight(date) - midnight(now)) / DAY_MS);
  const near = { "-1": "yesterday", 0: "today", 1: "tomorrow" }[days];
  if (near) return near;
  if (short) return brief.format(date).replace(",", "");
  return (Math.abs(days) > 300 ? dayAndYear : day).format(date).replace(",", "");
}

/** What is expected next, without a day: "Next: being picked". */
export function expectation(status) {
  if (isOpen(status)) return `Next: ${FOLLOWS[status].expected}`;
  return status === "draft" ? "Not placed yet" : "Nothing more is expected";
}

/** For when it was promised, "Promised for today", "Late: promised for yesterday"; of what has ended, when it did. */
export function promise(order) {
  if (order.status === "draft") return "";
  if (!isOpen(order.status)) return `${sentence(order.status)} ${spokenDay(order.status_since)}`;
  if (order.promised_at === null) return "No day promised yet";
  const words = `promised for ${spokenDay(order.promised_at)}`;
  return isLate(order) ? `Late: ${words}` : sentence(words);
}

/** The same where there is little room, and when what has ended did: "Late: promised yesterday", "Delivered today". */
export function briefPromise(order) {
  if (!isOpen(order.status)) return `${sentence(order.status)} ${spokenDay(order.status_since, { short: true })}`;
  if (order.promised_at === null) return "No day promised";
  const words = `promised ${spokenDay(order.promised_at, { short: true })}`;
  return isLate(order) ? `Late: ${words}` : sentence(words);
}
