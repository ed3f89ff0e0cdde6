/** How far back a trend looks. */
const WINDOW_MS = 3_600_000;
/** A trend over less says nothing. */
const MIN_MS = 30_000;

/** How fast a figure that only grows has grown within the last hour. Pure; times are milliseconds of any steady clock. */
export class Trend {
  readonly #samples: { readonly at: number; readonly value: number }[] = [];

  /** Takes a sample; times must not go back. A minute between two is enough. */
  add(at: number, value: number): void {
    this.#samples.push({ at, value });
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= WINDOW_MS) this.#samples.shift();
  }

  /** Growth in a millisecond; null while too little is known. */
  get perMs(): number | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < MIN_MS) return null;
    return (last.value - first.value) / (last.at - first.at);
  }
}
