/**
 * A table whose rows change while it is sorted, filtered and read: keyed rows, written in animation frames,
 * and only the cells whose text differs. Rows that move keep their focus and their running animations.
 */

const CHANGED_MS = 2000;
const DELTA_MS = 6000;
/** A change is drawn in the next frame; while they come thick, so many milliseconds lie between two drawings. */
const DRAW_EVERY_MS = 60;
const FRAME_WAIT_MS = 100;
const TINTS = { rise: "var(--rise-soft)", fall: "var(--fall-soft)", touch: "var(--touch)" };
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** Marks that go by themselves: element → attribute → when. */
const marks = new Map();
setInterval(() => {
  const now = Date.now();
  for (const [element, until] of marks) {
    if (until > now) continue;
    marks.delete(element);
    delete element.dataset.changed;
    delete element.dataset.shown;
  }
}, 500);

/** Light an element up in the colour of its change: "rise", "fall" or "touch". */
export function flash(element, direction) {
  element.dataset.changed = direction;
  marks.set(element, Date.now() + CHANGED_MS);
  // An animation off the screen would cost as much and be seen by nobody.
  const { top, bottom } = element.getBoundingClientRect();
  if (still.matches || bottom < 0 || top > innerHeight) return;
  const tint = { backgroundColor: TINTS[direction] };
  element.animate([tint, { ...tint, offset: 0.14 }, {}], { duration: CHANGED_MS, easing: "ease-out" });
}

/** @typedef {{text: (item: any) => string, sort?: (item: any) => any, by?: (item: any) => number, delta?: (difference: number) => string}} Column
 *   `by` makes a column light up when it changes; `delta` also says by how much. */

export class LiveTable {
  /** @type {Map<string, any>} */ items = new Map();
  /** @type {(item: any) => boolean} */ filter = () => true;
  /** @type {() => void} called after every drawing */ onDrawn = () => {};
  shown = 0;

  #table;
  #body;
  #template;
  #columns;
  #decorate;
  #sort;
  #rows = new Map();
  #dirty = new Set();
  /** @type {[Element, string][]} cells to light up once all rows are in their places */ #changed = [];
  #waiting = false;
  #drawnAt = -Infinity;

  /**
   * @param {HTMLTableElement} table
   * @param {HTMLTemplateElement} template  one row; its cells carry `data-cell`
   * @param {Object} options
   * @param {Object<string, Column>} options.columns  by the name in `data-cell` and `data-sort`
   * @param {{column: string, descending: boolean}} options.sort
   * @param {(row: HTMLTableRowElement, item: any, before: any) => void} [options.decorate]
   * @param {(sort: {column: string, descending: boolean}) => void} [options.onSort]
   */
  constructor(table, template, { columns, sort, decorate = () => {}, onSort = () => {} }) {
    this.#table = table;
    this.#body = table.tBodies[0];
    this.#template = template;
    this.#columns = columns;
    this.#decorate = decorate;
    this.#sort = sort;
    for (const heading of table.querySelectorAll("th[data-sort]")) this.#makeSortable(heading, onSort);
    this.#showSort();
  }

  set(key, item) {
    this.items.set(key, item);
    this.#dirty.add(key);
    this.draw();
  }

  remove(key) {
    this.items.delete(key);
    this.#dirty.add(key);
    this.draw();
  }

  /** Draw what changed in an animation frame soon, however often this is called until then. */
  draw() {
    if (this.#waiting) return;
    this.#waiting = true;
    const rest = this.#drawnAt + DRAW_EVERY_MS - performance.now();
    if (rest > 0) setTimeout(() => this.#nextFrame(), rest);
    else this.#nextFrame();
  }

  /** Draw in the next frame; a page that is given none (behind others, or hidden) is kept up to date all the same. */
  #nextFrame() {
    const frame = requestAnimationFrame(() => {
      clearTimeout(timer);
      this.#drawNow();
    });
    const timer = setTimeout(() => {
      cancelAnimationFrame(frame);
      this.#drawNow();
    }, FRAME_WAIT_MS);
  }

  /** Write one column's text anew where it depends on the time. */
  refresh(name) {
    for (const { item, cells } of this.#rows.values()) this.#write(cells, name, item);
  }

  #drawNow() {
    this.#waiting = false;
    this.#drawnAt = performance.now();
    for (const key of this.#dirty) this.#update(key);
    this.#dirty.clear();
    const wanted = [...this.#rows.values()].filter(({ item }) => this.filter(item)).sort((a, b) => this.#compare(a, b));
    this.#place(wanted.map(({ row }) => row));
    for (const [cell, direction] of this.#changed) flash(cell, direction);
    this.#changed = [];
    this.shown = wanted.length;
    this.onDrawn();
  }

  #update(key) {
    const item = this.items.get(key);
    const drawn = this.#rows.get(key);
    if (item === undefined) {
      this.#rows.delete(key);
      drawn?.row.remove();
    } else if (drawn === undefined) {
      this.#rows.set(key, this.#make(key, item));
    } else {
      const before = drawn.item;
      drawn.item = item;
      for (const name of Object.keys(drawn.cells)) this.#write(drawn.cells, name, item, before);
      this.#decorate(drawn.row, item, before);
    }
  }

  #make(key, item) {
    const row = this.#template.content.firstElementChild.cloneNode(true);
    row.dataset.key = key;
    const cells = {};
    for (const cell of row.querySelectorAll("[data-cell]")) cells[cell.dataset.cell] = cell;
    for (const name of Object.keys(cells)) this.#write(cells, name, item);
    this.#decorate(row, item, null);
    return { key, row, cells, item };
  }

  #write(cells, name, item, before) {
    const { text, by, delta } = this.#columns[name];
    const cell = cells[name];
    const words = text(item);
    if (cell.textContent !== words) cell.textContent = words;
    if (before === undefined || by === undefined || by(item) === by(before)) return;
    const difference = by(item) - by(before);
    const direction = difference > 0 ? "rise" : difference < 0 ? "fall" : "touch";
    const box = cell.closest("td");
    this.#changed.push([box, direction]);
    const note = delta && box.querySelector(".delta");
    if (!note) return;
    note.textContent = delta(Math.abs(difference));
    note.dataset.direction = direction;
    note.dataset.shown = "";
    marks.set(note, Date.now() + DELTA_MS);
  }

  #compare(a, b) {
    const { column, descending } = this.#sort;
    const by = this.#columns[column].sort;
    const [x, y] = [by(a.item), by(b.item)];
    const order = typeof x === "string" || typeof y === "string" ? collator.compare(x ?? "", y ?? "") : (x ?? -Infinity) - (y ?? -Infinity);
    return (descending ? -order : order) || collator.compare(a.key, b.key);
  }

  /** Make the body hold exactly these rows, moving as few as a single pass can. */
  #place(rows) {
    const body = this.#body;
    const wanted = new Set(rows);
    for (const row of [...body.children]) if (!wanted.has(row)) row.remove();
    let at = body.firstElementChild;
    for (const row of rows) {
      if (row === at) {
        at = at.nextElementSibling;
      } else if (at !== null && row === at.nextElementSibling) {
        // The row at this place has gone further down: step over it, it is placed when its turn comes.
        at = row.nextElementSibling;
      } else {
        const focused = row.contains(document.activeElement) ? document.activeElement : null;
        body.insertBefore(row, at);
        focused?.focus({ preventScroll: true });
      }
    }
  }

  #makeSortable(heading, onSort) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
    const column = heading.dataset.sort;
    button.addEventListener("click", () => {
      const same = this.#sort.column === column;
      this.sortBy({ column, descending: same ? !this.#sort.descending : "numeric" in heading.dataset });
      onSort(this.#sort);
    });
  }

  /** Sort by a column; one that there is not changes nothing. */
  sortBy(sort) {
    if (!this.#columns[sort.column]?.sort) return;
    this.#sort = sort;
    this.#showSort();
    this.draw();
  }

  #showSort() {
    for (const heading of this.#table.querySelectorAll("th[data-sort]")) {
      const mine = heading.dataset.sort === this.#sort.column;
      heading.setAttribute("aria-sort", !mine ? "none" : this.#sort.descending ? "descending" : "ascending");
    }
  }
}
