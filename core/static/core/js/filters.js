/** The tools above a table: they filter what is shown, survive every update, and stand in the page's address. */

const folded = (text) => text.toLocaleLowerCase("en").normalize("NFKD");

/**
 * Tie a form to a table.
 *
 * @param {HTMLFormElement} form
 * @param {import("./live-table.js").LiveTable} table
 * @param {(values: Object<string, string>) => (item: any) => boolean} predicate  of the form's values
 */
export function bindFilters(form, table, predicate) {
  const given = new URLSearchParams(location.search);
  /** What the address asks for and no control offers yet: options come with the rows. It is in force until then. */
  const awaited = new Map();
  for (const control of form.elements) {
    if (!control.name || !given.has(control.name)) {
      if ("checked" in control) control.checked = control.defaultChecked;
    } else if (control.type === "radio" || control.type === "checkbox") {
      control.checked = given.get(control.name) === control.value;
    } else {
      control.value = given.get(control.name);
      if (control.value === given.get(control.name)) continue;
      control.dataset.wanted = given.get(control.name);
    }
    if (control.name && given.has(control.name)) awaited.set(control.name, given.get(control.name));
  }
  const read = () => {
    const values = Object.fromEntries(new FormData(form));
    for (const [name, value] of awaited) {
      if (offers(form.elements.namedItem(name), value)) awaited.delete(name);
      else values[name] = value;
    }
    return values;
  };
  const apply = () => {
    const values = read();
    table.filter = predicate(values);
    table.draw();
    const active = Object.entries(values).filter(([, value]) => value !== "");
    form.querySelector("[data-reset]").hidden = active.length === 0;
    remember(active);
  };
  const forget = (control) => {
    awaited.delete(control.name);
    delete control.dataset.wanted;
  };
  form.addEventListener("input", ({ target }) => {
    forget(target);
    apply();
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    for (const control of form.elements) forget(control);
    setTimeout(apply);
  });
  for (const button of document.querySelectorAll("[data-reset-filters]")) button.addEventListener("click", () => form.reset());
  const [column, direction] = (given.get("sort") ?? "").split(".");
  table.sortBy({ column, descending: direction === "down" });
  apply();
  return { apply, chosen: (name) => read()[name] ?? "" };
}

/** Is this value one that the control, or one of the radio buttons of its name, can take? */
function offers(control, value) {
  const choices = control instanceof RadioNodeList ? [...control] : [...(control?.options ?? [control])];
  return choices.some((choice) => choice?.value === value);
}

/** Note the sort order in the page's address. */
export function rememberSort({ column, descending }) {
  const address = new URL(location.href);
  address.searchParams.set("sort", descending ? `${column}.down` : column);
  history.replaceState(null, "", address);
}

function remember(active) {
  const address = new URL(location.href);
  const sort = address.searchParams.get("sort");
  address.search = new URLSearchParams(sort ? [...active, ["sort", sort]] : active);
  if (address.href !== location.href) history.replaceState(null, "", address);
}

/** Does an item's text hold every word that was typed? */
export function matcher(typed) {
  const words = folded(typed).split(/\s+/).filter(Boolean);
  return (text) => words.every((word) => folded(text).includes(word));
}

/** Offer the options that there are, keeping what is chosen, also while none of it is there. */
export function offer(select, values) {
  const wanted = [...new Set(values)].sort((a, b) => a.localeCompare(b, "en"));
  const chosen = select.dataset.wanted ?? select.value;
  if (chosen && !wanted.includes(chosen)) wanted.push(chosen);
  const have = [...select.options].slice(1).map((option) => option.value);
  if (have.join("\n") === wanted.join("\n")) return;
  select.replaceChildren(select.options[0], ...wanted.map((value) => new Option(value, value)));
  select.value = chosen;
  delete select.dataset.wanted;
}
