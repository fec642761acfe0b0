/**
 * What changed in the last minutes, newest first: at first from the change log, then from the page's own topic, so
 * that it never says other than the table. Movements of the journal add why and by whom; what none explains was
 * written directly. Bounded: a change of thousands of rows is a few entries and a number.
 */

import { atClock, count } from "./format.js";
import { get } from "./post.js";
import { explains, ofOrders, partsOf, words } from "./stock-changes.js";

const MINUTES = 15;
const MOST_GROUPS = 250;
const MOST_DRAWN = 150;
/** So many rows of one change are kept, and so many of these are drawn. */
const KEPT_OF_GROUP = 40;
const DRAWN_OF_GROUP = 6;
const DRAW_EVERY_MS = 200;
/** A change and its movement come in two topics, so either may be first; after this long there is none. */
const UNEXPLAINED_AFTER_MS = 1500;

/**
 * @typedef {{key: string, before: ?any, after: ?any, name: string, slug: string, code: string, movement: ?any, element: ?Element}} Entry
 * @typedef {{at: number, entries: Entry[], total: number, live: boolean, more: ?Element}} Group  what changed together
 */

export class Activity {
  #describe;
  #shows;
  #panel = document.querySelector("[data-activity]");
  #list = this.#panel.querySelector("[data-activity-list]");
  #template = document.querySelector("[data-activity-entry]");
  /** @type {Group[]} newest first */ #groups = [];
  /** @type {Map<number, any[]>} movements by level, newest first */ #movements = new Map();
  #state = "loading";
  #asked = false;
  #waiting = false;

  /**
   * @param {Object} page
   * @param {(row: any) => {name: string, slug: string, code: string}} page.describe  what a level's row is of
   * @param {(key: string) => boolean} page.shows  does the table's filter show this level?
   */
  constructor({ describe, shows }) {
    this.#describe = describe;
    this.#shows = shows;
    this.#panel.querySelector("[data-activity-retry]").addEventListener("click", () => this.load());
  }

  /** Open or close the panel; it is filled when it is first opened. */
  set open(open) {
    this.#panel.hidden = !open;
    if (open && !this.#asked) this.load();
    this.draw();
  }

  get open() {
    return !this.#panel.hidden;
  }

  /** Read the last minutes from the change log, as also after a gap; what is known of them is told once. */
  async load() {
    this.#asked = true;
    this.#become(this.#groups.length ? "ready" : "loading");
    let told;
    try {
      told = await get(`/api/v1/stock/changes?minutes=${MINUTES}`);
    } catch (problem) {
      this.#panel.querySelector("[data-activity-problem]").textContent = problem.detail || problem.message;
      this.#become("failed");
      return;
    }
    const groups = told.groups.map(({ at, total, changes }) => this.#group(Date.parse(at), changes, total));
    const known = new Set(groups.flatMap(({ entries }) => entries.map(signature)));
    const since = this.#groups.filter(({ live, entries }) => live && !entries.some((entry) => known.has(signature(entry))));
    this.#groups = [...since, ...groups].sort((a, b) => b.at - a.at);
    this.#bound();
    const reach = `Since ${atClock(Date.parse(told.since))}, newest first`;
    this.#panel.querySelector("[data-activity-reach]").textContent = told.complete ? reach : `${reach}; there was more before`;
    this.#become("ready");
  }

  /** Take an update of the topic `stock`. A snapshot is no change: what it skipped is read from the log. */
  take({ changes, snapshot }) {
    if (snapshot) {
      if (this.#asked) this.load();
      return;
    }
    const levels = changes.filter(({ kind, row, before }) => kind === "stocklevel" && partsOf(before, row).length > 0);
    if (levels.length === 0) return;
    const told = levels.slice(0, KEPT_OF_GROUP).map(({ key, row, before }) => ({ level: key, before, after: row, movement: null }));
    this.#groups.unshift({ ...this.#group(Date.now(), told, levels.length), live: true });
    this.#bound();
    setTimeout(() => this.#later(), UNEXPLAINED_AFTER_MS);
    this.#later();
  }

  /** Take an update of the topic `stock/movements`. */
  takeMovements({ changes }) {
    for (const { row, before } of changes) {
      const mine = this.#movements.get((row ?? before).level_id) ?? [];
      const others = mine.filter(({ id }) => id !== (row ?? before).id);
      if (row) others.unshift(row);
      if (others.length) this.#movements.set((row ?? before).level_id, others);
      else this.#movements.delete(before.level_id);
    }
    for (const { entries } of this.#groups) for (const entry of entries) entry.movement ??= this.#explain(entry);
    this.#later();
  }

  /** Show what the table's filter shows. */
  draw() {
    if (!this.open) return;
    const wanted = [];
    for (const group of this.#groups) {
      const entries = group.entries.filter(({ key }) => this.#shows(key)).slice(0, DRAWN_OF_GROUP);
      for (const entry of entries) wanted.push(this.#element(entry, group));
      if (entries.length && group.total > entries.length) wanted.push(this.#more(group, group.total - entries.length));
      if (wanted.length >= MOST_DRAWN) break;
    }
    for (const [index, item] of wanted.entries()) if (this.#list.children[index] !== item) this.#list.insertBefore(item, this.#list.children[index] ?? null);
    while (this.#list.children.length > wanted.length) this.#list.lastElementChild.remove();
    const state = this.#state !== "ready" ? this.#state : this.#groups.length === 0 ? "empty" : wanted.length === 0 ? "filtered" : "ready";
    this.#panel.dataset.state = wanted.length && state === "loading" ? "ready" : state;
  }

  #become(state) {
    this.#state = state;
    this.draw();
  }

  #later() {
    if (this.#waiting || !this.open) return;
    this.#waiting = true;
    setTimeout(() => {
      this.#waiting = false;
      this.draw();
    }, DRAW_EVERY_MS);
  }

  #group(at, changes, total) {
    const entries = changes.map(({ level, before, after, movement }) => {
      const entry = { key: String(level), before, after, movement, element: null, ...this.#describe(after ?? before) };
      entry.movement ??= this.#explain(entry);
      return entry;
    });
    return { at, entries, total, live: false, more: null };
  }

  #explain({ key, before, after }) {
    return (this.#movements.get(Number(key)) ?? []).find((movement) => explains(movement, before, after)) ?? null;
  }

  #bound() {
    this.#groups.length = Math.min(this.#groups.length, MOST_GROUPS);
  }

  #element(entry, group) {
    entry.element ??= this.#make(entry, group);
    const why = entry.element.querySelector("[data-part=why]");
    const said = this.#why(entry, group);
    if (why.textContent !== said) why.textContent = said;
    return entry.element;
  }

  #why({ before, after, movement }, { at }) {
    if (movement) return [words(movement), movement.reason].filter(Boolean).join(": ");
    if (ofOrders(before, after)) return "For orders";
    return Date.now() - at < UNEXPLAINED_AFTER_MS ? "" : "Changed directly";
  }

  #make(entry, { at, live }) {
    const item = this.#template.content.firstElementChild.cloneNode(true);
    const part = (name) => item.querySelector(`[data-part="${name}"]`);
    Object.assign(part("name"), { textContent: entry.name });
    if (entry.slug) part("name").href = document.querySelector("main").dataset.materialUrl.replace("-", entry.slug);
    part("warehouse").textContent = entry.code;
    Object.assign(part("time"), { textContent: atClock(at), dateTime: new Date(at).toISOString() });
    part("what").append(...partsOf(entry.before, entry.after).map(draw));
    if (entry.after?.low && !entry.before?.low) part("what").append(draw({ title: "", value: "Low from here on", direction: "low" }));
    item.classList.toggle("is-new", live && Date.now() - at < 1000);
    return item;
  }

  #more(group, number) {
    group.more ??= Object.assign(document.createElement("li"), { className: "activity-more" });
    const said = `and ${count(number)} more in the same change`;
    if (group.more.textContent !== said) group.more.textContent = said;
    return group.more;
  }
}

/** The same change, told by the log and by the topic, has the same of these. */
const signature = ({ key, after }) => [key, after?.updated_at, after?.on_hand, after?.reserved, after?.reorder_below].join();

function draw({ title, value, delta = "", direction = "" }) {
  const item = document.createElement("li");
  item.append(title && `${title} `, Object.assign(document.createElement("b"), { textContent: delta }), delta && " → ", value);
  item.dataset.direction = direction;
  return item;
}
