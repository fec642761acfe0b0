/** What a change of a stock level comes to in words, and which movement of the journal explains it. */

import { kg, kgBrief } from "./format.js";

const VERBS = {
  received: "Received",
  counted: "Counted",
  transferred_in: "Transferred in",
  transferred_out: "Transferred out",
  threshold: "Threshold set",
  shipped: "Shipped",
};
const FIGURES = [
  ["on_hand", "On hand"],
  ["reserved", "Reserved"],
  ["reorder_below", "Reorder below"],
];

/** @typedef {{title: string, value: string, delta?: string, direction?: string}} Part  one figure that changed */

/**
 * What changed of a level, figure by figure; nothing where only its date did.
 *
 * @param {?Object<string, any>} before  the level's row, null where there was none
 * @param {?Object<string, any>} after  null where it was removed
 * @returns {Part[]}
 */
export function partsOf(before, after) {
  if (after === null) return [{ title: "Removed with", value: `${kg(before.on_hand)} kg`, direction: "fall" }];
  if (before === null) return [{ title: "New, with", value: `${kg(after.on_hand)} kg`, direction: "rise" }];
  const parts = [];
  for (const [name, title] of FIGURES) {
    const difference = Number(after[name]) - Number(before[name]);
    if (difference === 0) continue;
    const sign = difference > 0 ? "+" : "−";
    parts.push({ title, value: `${kg(after[name])} kg`, delta: sign + brief(Math.abs(difference)), direction: difference > 0 ? "rise" : "fall" });
  }
  return parts;
}

/** A difference to the gram where it is small: of 12.5 kg a tenth is not enough to know it by. */
const brief = (difference) => (difference < 1000 ? kg(difference) : kgBrief(difference));

/** Does this change only touch what orders have reserved? They tell why themselves. */
export const ofOrders = (before, after) =>
  before !== null && after !== null && before.on_hand === after.on_hand && before.reorder_below === after.reorder_below && before.reserved !== after.reserved;

/** A movement in words: what was done, by whom. */
export const words = ({ kind, actor }) => `${VERBS[kind] ?? kind} by ${actor}`;

/**
 * Is this the movement of that change? A service dates the level and its movement alike, and a movement knows what
 * was on hand afterwards and by how much it had changed.
 */
export function explains(movement, before, after) {
  if (after === null || movement.at !== after.updated_at || before?.updated_at === after.updated_at) return false;
  const change = Number(after.on_hand) - Number(before?.on_hand ?? 0);
  return Number(movement.on_hand_after) === Number(after.on_hand) && Math.abs(change - Number(movement.quantity_kg)) < 0.0005;
}
