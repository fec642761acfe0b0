/** Stock levels as tables show them: joined with what they refer to, their columns, and the gauge of a level. */

import { ago, atFull, kg, kgBrief, sentence } from "./format.js";

const LEVELS = { out: "Out", low: "Low" };

export const LEVEL_COLUMNS = {
  warehouse: { text: (item) => item.warehouse, sort: (item) => `${item.warehouse} ${item.name}` },
  on_hand: { text: (item) => kg(item.row.on_hand), sort: (item) => item.onHand, by: (item) => item.onHand, delta: kgBrief },
  reserved: { text: (item) => kg(item.row.reserved), sort: (item) => item.reserved, by: (item) => item.reserved, delta: kgBrief },
  available: { text: (item) => kg(item.row.available), sort: (item) => item.available, by: (item) => item.available, delta: kgBrief },
  cover: { sort: (item) => item.cover },
  badge: { text: (item) => LEVELS[item.level] ?? "" },
  ago: { text: (item) => ago(item.updated) },
  updated: { sort: (item) => item.updated },
};

/** Join a stock level with what it refers to; both may be missing for a moment. */
export function join(row, material, warehouse) {
  const onHand = Number(row.on_hand);
  const available = Number(row.available);
  const below = Number(row.reorder_below);
  const price = Number(material?.price_per_kg ?? 0);
  return {
    row,
    slug: material?.slug ?? "",
    name: material?.name ?? `Material ${row.material_id}`,
    sub: [sentence(material?.form ?? ""), material?.grade].filter(Boolean).join(" · "),
    category: material?.category ?? "",
    warehouse: warehouse?.code ?? `#${row.warehouse_id}`,
    place: warehouse?.city || warehouse?.name || "",
    currency: material?.currency ?? "EUR",
    price: material?.price_per_kg ?? "0",
    priceNumber: price,
    onHand,
    reserved: Number(row.reserved),
    available,
    below,
    cover: below > 0 ? available / below : available > 0 ? Infinity : 0,
    value: onHand * price,
    level: available <= 0 ? "out" : row.low ? "low" : "fine",
    updated: Date.parse(row.updated_at),
  };
}

/** Draw what of a level's row is not text: its colour, its gauge, and what it says when asked. */
export function decorateLevel(row, item, before) {
  if (row.dataset.level !== item.level) row.dataset.level = item.level;
  if (before?.name !== item.name || before?.warehouse !== item.warehouse)
    row.querySelector("[data-change]")?.setAttribute("aria-label", `Change stock of ${item.name} in ${item.warehouse}`);
  if (before?.cover === item.cover && before?.row.on_hand === item.row.on_hand) return;
  // The gauge ends at three times the level at which to reorder; its mark stands at that level.
  const level = row.querySelector(".level-fill");
  level.style.setProperty("--fill", `${Math.round(100 * Math.min(1, Math.max(0, item.cover / 3)))}%`);
  row.querySelector(".level").title = `Reorder below ${kg(item.row.reorder_below)} kg`;
  row.querySelector(".code").title = item.place;
  row.querySelector("[data-cell=ago]").title = atFull(item.row.updated_at);
}
