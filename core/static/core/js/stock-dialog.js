/**
 * The dialog in which stock is received, counted, transferred and given a threshold.
 *
 * It writes nothing into the page: what was done comes back over the connection, like anybody's change. While it
 * is open its figures follow the row. It sends once: not while it is sending, not without a connection, and after
 * a request without an answer only when told to again, unless the journal shows meanwhile that it was done.
 */

import { kg } from "./format.js";
import { post } from "./post.js";

const GRAMS = 1000;
const grams = (text) => Math.round(Number(text) * GRAMS);
const inKg = (amount) => kg(amount / GRAMS);
const PLAIN = /^\d{1,9}(\.\d+)?$/;
const DONE_MS = 6000;

/**
 * What can be done to a level, by the value of the radio button. `body` names the fields of the API; `after` gives
 * what is on hand afterwards; `done` says it once it is done.
 */
const KINDS = {
  receive: {
    url: "receipts",
    movement: "received",
    label: "Quantity that arrived",
    action: "Receive",
    reason: "Delivery note, supplier …",
    quantity: "quantity_kg",
    least: 1,
    after: ({ onHand }, amount) => onHand + amount,
    done: (what, amount) => `Received ${amount} kg of ${what}.`,
  },
  count: {
    url: "counts",
    movement: "counted",
    label: "Found on the shelves",
    action: "Set the count",
    reason: "Stocktaking, offcuts, damage …",
    quantity: "counted_kg",
    least: 0,
    after: (_, amount) => amount,
    done: (what, amount) => `Counted ${amount} kg of ${what}.`,
  },
  transfer: {
    url: "transfers",
    movement: "transferred_out",
    label: "Quantity to move",
    action: "Transfer",
    reason: "Needed for an order, evening out …",
    quantity: "quantity_kg",
    least: 1,
    after: ({ onHand }, amount) => onHand - amount,
    done: (what, amount, target) => `${amount} kg of ${what} went to ${target}.`,
  },
  threshold: {
    url: "thresholds",
    movement: "threshold",
    label: "Reorder below",
    action: "Set the threshold",
    reason: "Season, longer delivery time …",
    quantity: "reorder_below_kg",
    least: 0,
    after: ({ onHand }) => onHand,
    done: (what, amount) => `${what} is low from now on below ${amount} kg.`,
  },
};

/** Fields of the API by the field of the form at which their errors are said. */
const FIELD_OF = { target: "target", reason: "reason", quantity_kg: "quantity", counted_kg: "quantity", reorder_below_kg: "quantity" };

/**
 * @typedef {{row: any, slug: string, name: string, sub: string, code: string, place: string}} Level  a row of `stock`, and what it names
 * @typedef {{code: string, name: string, row: ?any}} Place  a warehouse, and the material's level in it
 */

export class StockDialog {
  #client;
  #level;
  #places;
  #dialog = document.querySelector("[data-stock-dialog]");
  #form = this.#dialog.querySelector("form");
  #done = document.querySelector("[data-stock-done]");
  #key = "";
  #opener = null;
  #sending = false;
  /** @type {?{movement: string, words: string, level: number, reason: string, since: number}} sent, and not answered */ #unsure = null;

  /**
   * @param {import("../../realtime/client.js").Client} client
   * @param {{level: (key: string) => ?Level, places: (level: Level) => Place[]}} page  what the page knows
   */
  constructor(client, { level, places }) {
    this.#client = client;
    this.#level = level;
    this.#places = places;
    client.addEventListener("state", () => this.refresh());
    this.#form.addEventListener("submit", (event) => this.#submit(event));
    this.#form.addEventListener("input", ({ target }) => this.#edited(target));
    this.#dialog.addEventListener("close", () => this.#closed());
    this.#dialog.addEventListener("cancel", (event) => this.#sending && event.preventDefault());
    for (const button of this.#dialog.querySelectorAll("[data-close]")) button.addEventListener("click", () => this.#sending || this.#dialog.close());
  }

  /** Open it for a level, by its key. */
  open(key, opener) {
    if (this.#sending || !this.#level(key)) return;
    this.#key = key;
    this.#opener = opener;
    this.#unsure = null;
    this.#form.reset();
    this.#form.elements.kind.value = "receive";
    this.#clearErrors();
    this.#turnTo();
    this.refresh();
    this.#dialog.showModal();
    this.#form.elements.quantity.focus();
  }

  /** Show the level as it is now; call it whenever rows have changed. */
  refresh() {
    const level = this.#key && this.#level(this.#key);
    if (!level) {
      if (this.#dialog.open) this.#dialog.close();
      return;
    }
    this.#part("title").textContent = level.name;
    this.#part("place").textContent = [level.sub, `in ${level.code}`, level.place].filter(Boolean).join(" · ");
    for (const figure of this.#dialog.querySelectorAll("[data-now]")) this.#setFigure(figure, `${kg(level.row[figure.dataset.now])} kg`);
    this.#offerTargets(level);
    this.#showOutcome(level);
    this.#showConnection();
  }

  /** Take note of a movement in the journal: perhaps it is the one whose answer got lost. */
  saw(movement) {
    const sent = this.#unsure;
    if (sent === null || movement.actor !== this.#client.user || movement.level_id !== sent.level) return;
    if (movement.kind !== sent.movement || movement.reason !== sent.reason || Date.parse(movement.at) < sent.since) return;
    this.#finish(sent.words);
  }

  get #kind() {
    return KINDS[this.#form.elements.kind.value];
  }

  #part(name) {
    return this.#dialog.querySelector(`[data-part="${name}"]`);
  }

  #setFigure(element, words) {
    if (element.textContent === words) return;
    const changed = this.#dialog.open && element.textContent !== "";
    element.textContent = words;
    if (!changed) return;
    element.classList.remove("is-new");
    void element.offsetWidth; // starts the animation again
    element.classList.add("is-new");
  }

  #turnTo() {
    const kind = this.#kind;
    this.#part("quantity-label").textContent = kind.label;
    this.#part("submit").textContent = kind.action;
    this.#form.elements.reason.placeholder = kind.reason;
    this.#dialog.querySelector("[data-field=target]").hidden = kind.url !== "transfers";
  }

  #offerTargets(level) {
    const select = this.#form.elements.target;
    const others = this.#places(level).filter(({ code }) => code !== level.code);
    const words = others.map(({ code, name, row }) => `${code} · ${row ? `${kg(row.on_hand)} kg on hand` : "none yet"}${name ? ` · ${name}` : ""}`);
    if ([...select.options].map(({ textContent }) => textContent).join("\n") === words.join("\n")) return;
    const chosen = select.value;
    select.replaceChildren(...others.map(({ code }, index) => new Option(words[index], code)));
    if (others.some(({ code }) => code === chosen)) select.value = chosen;
  }

  #edited(control) {
    if (control.name === "kind") {
      this.#clearErrors();
      this.#turnTo();
    } else {
      this.#setError(control.name, "");
    }
    this.refresh();
  }

  /** The sentence about what will be, or nothing while there is no quantity. */
  #showOutcome(level) {
    const amount = this.#amount();
    this.#part("outcome").replaceChildren(...(amount === null ? [] : this.#outcome(level, amount)));
  }

  #outcome(level, amount) {
    const now = { onHand: grams(level.row.on_hand), reserved: grams(level.row.reserved), below: grams(level.row.reorder_below) };
    const kind = this.#kind;
    const after = kind.after(now, amount);
    const below = kind.url === "thresholds" ? amount : now.below;
    const available = after - now.reserved;
    const lines = [];
    if (kind.url === "thresholds") lines.push(line("Reorder below", now.below, amount));
    else lines.push(line(kind.url === "transfers" ? `On hand in ${level.code}` : "On hand", now.onHand, after));
    if (kind.url === "transfers") {
      const target = this.#places(level).find(({ code }) => code === this.#form.elements.target.value);
      const there = target?.row ? grams(target.row.on_hand) : 0;
      if (target) lines.push(line(`On hand in ${target.code}`, there, there + amount));
    }
    if (after < 0) lines.push(note("bad", `There is not that much in ${level.code}.`));
    else if (available < 0) lines.push(note("bad", `${inKg(now.reserved)} kg are reserved for orders: there would be too little for them.`));
    else if (available <= 0 && after !== now.onHand) lines.push(note("bad", "Nothing would be available."));
    else if (available < below) lines.push(note("warn", `It would be low: ${inKg(available)} kg available, reorder below ${inKg(below)} kg.`));
    return lines;
  }

  /** The quantity in grams; null where none, or none that can be, was written. */
  #amount() {
    const text = this.#form.elements.quantity.value.trim();
    const amount = PLAIN.test(text) ? grams(text) : NaN;
    return Number.isFinite(amount) && amount >= this.#kind.least ? amount : null;
  }

  #wrong() {
    const text = this.#form.elements.quantity.value.trim();
    if (text === "") return "Say how many kilograms.";
    if (!PLAIN.test(text)) return "Write a plain number such as 1250.5, without separators.";
    if ((text.split(".")[1] ?? "").replace(/0+$/, "").length > 3) return "Stock is exact to the gram: three decimals at most.";
    return this.#amount() === null ? "It has to be more than nothing." : "";
  }

  get #connected() {
    return this.#client.state === "live";
  }

  #showConnection() {
    const submit = this.#part("submit");
    submit.disabled = !this.#connected;
    const waiting = this.#dialog.dataset.waiting !== undefined;
    if (!this.#connected) {
      this.#dialog.dataset.waiting = "";
      this.#setProblem("There is no connection, so nothing can be sent. What you wrote stays here until there is one.");
    } else if (waiting) {
      delete this.#dialog.dataset.waiting;
      this.#setProblem(this.#unsure ? UNSURE : "");
    }
  }

  async #submit(event) {
    event.preventDefault();
    if (this.#sending || !this.#connected) return;
    this.#clearErrors();
    const wrong = this.#wrong();
    if (wrong) return this.#complain("quantity", wrong);
    const level = this.#level(this.#key);
    const sent = this.#message(level);
    this.#setSending(true);
    try {
      await post(`/api/v1/stock/${this.#kind.url}`, sent.body);
      this.#finish(sent.words);
    } catch (problem) {
      this.#refused(problem, sent);
    } finally {
      this.#setSending(false);
    }
  }

  #message(level) {
    const { quantity, target, reason } = this.#form.elements;
    const kind = this.#kind;
    const places = kind.url === "transfers" ? { source: level.code, target: target.value } : { warehouse: level.code };
    const body = { material: level.slug, ...places, [kind.quantity]: quantity.value.trim(), reason: reason.value.trim() };
    const words = kind.done(`${level.name} in ${level.code}`, inKg(this.#amount()), target.value);
    // The server's clock may be a little behind this one.
    return { body, words, movement: kind.movement, level: level.row.id, reason: body.reason, since: Date.now() - 60_000 };
  }

  #refused(problem, sent) {
    if (problem.status === 0) {
      this.#unsure = sent;
      this.#setProblem(UNSURE);
      return;
    }
    const rest = [];
    for (const { field, message } of problem.errors ?? []) {
      if (field in FIELD_OF) this.#complain(FIELD_OF[field], message);
      else rest.push(message);
    }
    if (!problem.errors?.length) rest.push(problem.detail || problem.message);
    this.#setProblem(rest.join(" "));
  }

  #finish(words) {
    this.#unsure = null;
    this.#dialog.close();
    this.#done.textContent = words;
    setTimeout(() => this.#done.textContent === words && (this.#done.textContent = ""), DONE_MS);
  }

  #setSending(sending) {
    this.#sending = sending;
    const submit = this.#part("submit");
    submit.classList.toggle("busy", sending);
    submit.setAttribute("aria-busy", String(sending));
  }

  #complain(name, message) {
    const first = !this.#form.querySelector("[aria-invalid=true]");
    this.#setError(name, message);
    if (first) this.#form.elements[name].focus();
  }

  #setError(name, message) {
    const field = this.#form.querySelector(`[data-field="${name}"]`);
    field.querySelector("[data-error]").textContent = message && message.charAt(0).toUpperCase() + message.slice(1);
    this.#form.elements[name].setAttribute("aria-invalid", String(message !== ""));
  }

  #clearErrors() {
    for (const name of ["quantity", "target", "reason"]) this.#setError(name, "");
    this.#setProblem("");
  }

  #setProblem(words) {
    const problem = this.#part("problem");
    if (problem.textContent !== words) problem.textContent = words;
  }

  #closed() {
    this.#key = "";
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
  }
}

const UNSURE = "No answer came, so it is not certain whether this was done. The figures above are live: look at them before you send it again.";

function line(title, before, after) {
  const element = document.createElement("p");
  const value = Object.assign(document.createElement("strong"), { textContent: inKg(after) });
  element.append(`${title} ${inKg(before)} → `, value, " kg");
  return element;
}

function note(severity, words) {
  const element = Object.assign(document.createElement("p"), { textContent: words });
  element.dataset.severity = severity;
  return element;
}

/**
 * Open the dialog from the buttons of a table of levels; null where the page has none, for those who may not.
 *
 * @param {import("../../realtime/client.js").Client} client
 * @param {import("./live-table.js").LiveTable} table  of items as `join` makes them, by the level's key
 * @param {any} subscription  to a topic with all levels of each of these materials, and the warehouses
 */
export function bindDialog(client, table, subscription) {
  if (!document.querySelector("[data-stock-dialog]")) return null;
  const dialog = new StockDialog(client, {
    level(key) {
      const item = table.items.get(key);
      return item && { row: item.row, slug: item.slug, name: item.name, sub: item.sub, code: item.warehouse, place: item.place };
    },
    places({ row }) {
      const levels = new Map();
      for (const { row: other } of subscription.all("stocklevel")) if (other.material_id === row.material_id) levels.set(other.warehouse_id, other);
      const places = [...subscription.all("warehouse")].map(({ row: { id, code, name, city } }) => ({ code, name: city || name, row: levels.get(id) ?? null }));
      return places.sort((a, b) => a.code.localeCompare(b.code));
    },
  });
  document.querySelector("[data-rows]").addEventListener("click", ({ target }) => {
    const button = target.closest("[data-change]");
    if (button) dialog.open(button.closest("tr").dataset.key, button);
  });
  return dialog;
}
