/**
 * Menus: popovers with the class `menu`, opened by a button with `popovertarget`. The browser opens and closes them,
 * by Escape too, and gives the focus back; here they are placed at their button and gone through by the arrow keys.
 */

const GAP = 6;
const EDGE = 8;
/** @type {WeakMap<Element, Element>} menu → the button that was last pressed for it; several may share one menu */
const buttons = new WeakMap();

const items = (menu) => [...menu.querySelectorAll("a[href], button:not(:disabled)")].filter((each) => each.checkVisibility());

/** Put an open menu below its button, or above where there is more room, and within the window. */
function place(menu) {
  const at = buttons.get(menu)?.getBoundingClientRect();
  if (!at) return;
  const { offsetWidth: width, offsetHeight: height } = menu;
  const up = at.bottom + GAP + height + EDGE > innerHeight && at.top > innerHeight - at.bottom;
  const left = at.left + width + EDGE > innerWidth ? at.right - width : at.left;
  menu.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - EDGE - width))}px`;
  menu.style.top = `${Math.max(EDGE, up ? at.top - GAP - height : at.bottom + GAP)}px`;
}

function walk(event) {
  const menu = event.target.closest?.(".menu:popover-open");
  const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[event.key];
  if (!menu || step === undefined || event.target.matches("input, textarea, select")) return;
  const all = items(menu);
  if (all.length === 0) return;
  event.preventDefault();
  const here = all.indexOf(document.activeElement);
  const next = Number.isFinite(step) ? (here + step + all.length) % all.length : step < 0 ? 0 : all.length - 1;
  all[here === -1 && step === -1 ? all.length - 1 : next].focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[popovertarget]");
  const menu = button && document.getElementById(button.getAttribute("popovertarget"));
  if (menu) buttons.set(menu, button);
}, { capture: true });
document.addEventListener("toggle", ({ target, newState }) => {
  if (!target.matches?.(".menu")) return;
  buttons.get(target)?.setAttribute("aria-expanded", String(newState === "open"));
  if (newState !== "open") return;
  place(target);
  (target.querySelector("[data-menu-first] :is(a[href], button)") ?? items(target)[0])?.focus({ preventScroll: true });
}, { capture: true });
document.addEventListener("keydown", walk);
for (const name of ["resize", "scroll"])
  addEventListener(name, () => document.querySelectorAll(".menu:popover-open").forEach(place), { passive: true });
