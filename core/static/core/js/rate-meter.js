/** How many changes there were, second by second, over the last minute. */

const SECONDS = 60;

export class RateMeter {
  /** @type {Map<number, number>} second → changes */ #seconds = new Map();

  /** @param {number} changes */
  count(changes) {
    const second = Math.floor(Date.now() / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + changes);
    this.#seconds.delete(second - SECONDS - 1);
  }

  lastMinute() {
    return this.#series().reduce((sum, each) => sum + each, 0);
  }

  /** The minute as bars of two seconds each, as an SVG path in a box of this size. */
  path(width, height) {
    const series = this.#series();
    const pairs = Array.from({ length: SECONDS / 2 }, (_, index) => series[2 * index] + series[2 * index + 1]);
    const most = Math.max(4, ...pairs);
    const step = width / pairs.length;
    return pairs.map((each, index) => {
      const tall = each === 0 ? 1 : Math.max(2, (each / most) * height);
      return `M${index * step} ${height}v${-tall}h${step - 1}v${tall}z`;
    }).join("");
  }

  #series() {
    const now = Math.floor(Date.now() / 1000);
    for (const second of this.#seconds.keys()) if (second <= now - SECONDS) this.#seconds.delete(second);
    return Array.from({ length: SECONDS }, (_, index) => this.#seconds.get(now - SECONDS + 1 + index) ?? 0);
  }
}
