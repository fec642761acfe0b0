/**
 * Lines over time that go on while they are looked at: uPlot, with steps, a legend, a tooltip and a sentence for
 * those who don't see it. Colours are the page's, in light and dark; its right edge is now, as long as now is known.
 */

const uPlot = globalThis.uPlot;

const LANGUAGE = "en-GB";
const minute = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit" });
const clock = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const COLOURS = ["--accent", "--violet", "--warn-strong", "--blue", "--bad-strong", "--good-strong"];
const HEIGHT = 240;
const LOW_HEIGHT = 200;
const MOST_POINTS = 3000;
/** Grown by a tenth at each end, so that no line lies on the frame. */
const MARGIN = 0.1;

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
/** A colour of the tokens, all six digits, as a veil. */
const faint = (colour) => `${colour}1f`;

/** @typedef {[number, number]} Point  when (milliseconds), and the value from then on */

export class Plot {
  #section;
  #format;
  #short;
  #canvas;
  #tip;
  #plot = null;
  /** @type {Map<string, Point[]>} by the series' name */ #series = new Map();
  #drawn = "";
  #minutes = 60;
  #since = 0;
  #until = Date.now();

  /**
   * @param {HTMLElement} section  with `data-canvas`, `data-legend` and `data-summary` in it
   * @param {{format: (value: number) => string, short: (value: number) => string}} texts  of a value: in full, on the axis
   */
  constructor(section, { format, short }) {
    this.#section = section;
    this.#format = format;
    this.#short = short;
    this.#canvas = section.querySelector("[data-canvas]");
    this.#tip = Object.assign(document.createElement("div"), { className: "plot-tip", hidden: true });
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(this.#canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.#drawn = "";
      this.draw();
    });
  }

  /**
   * Replace all lines; the first one is put into words.
   *
   * @param {Map<string, Point[]>} series
   * @param {{minutes: number, since: number}} window  how much is shown, and the moment before which nothing is known
   */
  setSeries(series, { minutes, since }) {
    this.#minutes = minutes;
    this.#since = since;
    this.#series = series;
    this.#section.dataset.state = "ready";
    this.draw();
  }

  /** Add a point to a line, or begin one; a value that is the last one's adds nothing. */
  add(name, at, value) {
    const points = this.#series.get(name) ?? this.#series.set(name, []).get(name);
    if (points.at(-1)?.[1] === value) return;
    points.push([Math.max(at, points.at(-1)?.[0] ?? at), value]);
    // What has left the window goes, but for the point that says what held when it began.
    while (points.length > 1 && (points[1][0] < this.#from || points.length > MOST_POINTS)) points.shift();
  }

  /** Let time go on. @param {number} until  the moment up to which values are known */
  advance(until) {
    this.#until = until;
    this.draw();
  }

  draw() {
    if (this.#section.dataset.state !== "ready") return;
    const names = [...this.#series.keys()];
    if (this.#drawn !== names.join("\n")) this.#build(names);
    else this.#plot.setData(this.#data());
    this.#describe();
  }

  get #from() {
    return Math.min(this.#until - 1000, Math.max(this.#until - this.#minutes * 60_000, this.#since));
  }

  /** All lines at all moments at which one of them changes, and now. */
  #data() {
    const lines = [...this.#series.values()];
    const moments = new Set([this.#from, this.#until]);
    for (const points of lines) for (const [at] of points) if (at >= this.#from && at <= this.#until) moments.add(at);
    const times = [...moments].sort((a, b) => a - b);
    return [times.map((at) => at / 1000), ...lines.map((points) => valuesAt(points, times))];
  }

  #build(names) {
    this.#drawn = names.join("\n");
    this.#plot?.destroy();
    this.#canvas.replaceChildren();
    const colours = names.map((_, index) => token(COLOURS[index % COLOURS.length]));
    const axis = { stroke: token("--ink-3"), grid: { stroke: token("--line"), width: 1 }, ticks: { show: false }, font: `12px ${token("--font")}` };
    const paths = uPlot.paths.stepped({ align: 1 });
    this.#plot = new uPlot(
      {
        ...this.#size(),
        padding: [12, 16, 0, 0],
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
        scales: { x: { range: () => [this.#from / 1000, this.#until / 1000] }, y: { range: (_, low, high) => around(low, high) } },
        axes: [
          { ...axis, values: (_, splits) => splits.map((at) => (splits[1] - splits[0] < 60 ? clock : minute).format(at * 1000)), space: 70, size: 30 },
          { ...axis, values: (_, splits) => splits.map((value) => this.#short(value)), size: 64 },
        ],
        series: [{}, ...names.map((name, index) => ({
          label: name,
          stroke: colours[index],
          width: 2,
          paths,
          fill: names.length === 1 ? faint(colours[index]) : undefined,
          points: { show: false },
        }))],
        hooks: { setCursor: [() => this.#showTip(names, colours)] },
      },
      this.#data(),
      this.#canvas,
    );
    this.#plot.over.append(this.#tip);
    this.#drawLegend(names, colours);
  }

  #size() {
    return { width: Math.max(200, this.#canvas.clientWidth), height: innerWidth <= 760 ? LOW_HEIGHT : HEIGHT };
  }

  #drawLegend(names, colours) {
    const legend = this.#section.querySelector("[data-legend]");
    legend.hidden = names.length < 2;
    legend.replaceChildren(...names.map((name, index) => entry(colours[index], name, "")));
  }

  #showTip(names, colours) {
    const { idx, left } = this.#plot.cursor;
    this.#tip.hidden = idx === null || idx === undefined || left < 0;
    if (this.#tip.hidden) return;
    const at = this.#plot.posToVal(left, "x") * 1000;
    const time = Object.assign(document.createElement("p"), { textContent: clock.format(at) });
    const values = [...this.#series.values()].map((points) => valuesAt(points, [at])[0]);
    const rows = names.map((name, index) => entry(colours[index], name, values[index] === null ? "–" : this.#format(values[index])));
    const list = document.createElement("ul");
    list.append(...rows);
    this.#tip.replaceChildren(time, list);
    const wide = this.#plot.over.clientWidth;
    const beside = left > wide / 2 ? left - this.#tip.offsetWidth - 14 : left + 14;
    this.#tip.style.transform = `translate(${Math.max(0, Math.min(beside, wide - this.#tip.offsetWidth))}px, 8px)`;
  }

  /** Say what is to be seen. */
  #describe() {
    const [first] = this.#series.values();
    const said = first ? this.#sentence(first) : "";
    const summary = this.#section.querySelector("[data-summary]");
    if (summary.textContent !== said) summary.textContent = said;
  }

  #sentence(points) {
    const known = valuesAt(points, [this.#from])[0];
    const inside = points.filter(([at]) => at >= this.#from).map(([, value]) => value);
    const values = known === null ? inside : [known, ...inside];
    if (values.length === 0) return "";
    const [low, high, now] = [Math.min(...values), Math.max(...values), values.at(-1)];
    if (low === high) return `${this.#format(now)}, unchanged.`;
    return `${this.#format(now)} now, between ${this.#format(low)} and ${this.#format(high)}.`;
  }
}

/** The value that holds at each of these times (rising), null before the first point. */
function valuesAt(points, times) {
  let index = -1;
  return times.map((at) => {
    while (index + 1 < points.length && points[index + 1][0] <= at) index++;
    return index < 0 ? null : points[index][1];
  });
}

function around(low, high) {
  if (low === null || high === null || low === undefined || high === undefined) return [0, 1];
  const room = (high - low) * MARGIN || Math.abs(high) * 0.02 || 1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

function entry(colour, name, value) {
  const item = document.createElement("li");
  const swatch = Object.assign(document.createElement("span"), { className: "plot-swatch" });
  swatch.style.background = colour;
  item.append(swatch, name);
  if (value) item.append(Object.assign(document.createElement("b"), { textContent: value }));
  return item;
}
