/** How values read. Exact numbers arrive as strings and are formatted from them, never from a rounded sum. */

const LANGUAGE = "en-GB";
const number = (options) => new Intl.NumberFormat(LANGUAGE, options);
const time = (options) => new Intl.DateTimeFormat(LANGUAGE, options);

const kilograms = number({ maximumFractionDigits: 3 });
const tenths = number({ maximumFractionDigits: 1 });
const compact = number({ notation: "compact", maximumSignificantDigits: 3 });
const whole = number({ maximumFractionDigits: 0 });
const unitPrice = number({ minimumFractionDigits: 4, maximumFractionDigits: 4 });
const percents = number({ style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "exceptZero" });
const clock = time({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const minute = time({ hour: "2-digit", minute: "2-digit" });
const day = time({ day: "numeric", month: "short" });
const moment = time({ day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
const full = time({ dateStyle: "full", timeStyle: "medium" });

const currencies = new Map();
function currencyFormat(currency, options) {
  const name = currency + JSON.stringify(options);
  if (!currencies.has(name)) currencies.set(name, number({ style: "currency", currency, currencyDisplay: "narrowSymbol", ...options }));
  return currencies.get(name);
}

export const kg = (value) => kilograms.format(value);
/** A difference in kg, short enough to stand beside the value. */
export const kgBrief = (value) => (value >= 1_000 ? compact : tenths).format(value);
export const count = (value) => whole.format(value);
export const perKg = (value) => unitPrice.format(value);
export const percent = (share) => percents.format(share);
export const money = (value, currency) => currencyFormat(currency || "EUR", {}).format(value);
/** Money at a glance: three digits that count. */
export const roundMoney = (value, currency) =>
  currencyFormat(currency || "EUR", value >= 10_000 ? { notation: "compact", minimumSignificantDigits: 3, maximumSignificantDigits: 3 } : { maximumFractionDigits: 0 }).format(value);

/** `[number, unit]` of a weight in kg, in tonnes above ten of them. */
export const weight = (value) => (value >= 10_000 ? [whole.format(value / 1000), "t"] : [whole.format(value), "kg"]);

export const atClock = (milliseconds) => clock.format(milliseconds);
export const atFull = (text) => (text ? full.format(new Date(text)) : "");
export const atDay = (text) => (text ? day.format(new Date(text)) : "–");
export const atMoment = (text) => (text ? moment.format(new Date(text)) : "–");

/** How long ago, in the coarsest unit that still says something. */
export function ago(then, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - then) / 1000));
  if (seconds < 2) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return day.format(then);
}

/** A day, with the time of day where it is today's. */
export function atDayOrTime(text, now = new Date()) {
  if (!text) return "–";
  const date = new Date(text);
  return date.toDateString() === now.toDateString() ? minute.format(date) : day.format(date);
}

export const sentence = (word) => word.charAt(0).toUpperCase() + word.slice(1).replaceAll("_", " ");
