/** Figures that a ring keeps. */
const WINDOW = 512;

/** The last few hundred figures and their percentiles. */
export class Recent {
  readonly #ring = new Float64Array(WINDOW);
  #count = 0;

  add(figure: number): void {
    this.#ring[this.#count % WINDOW] = figure;
    this.#count += 1;
  }

  /** The figure that a share of them (0…1) does not exceed; undefined without any. */
  percentile(share: number): number | undefined {
    const known = this.#ring.subarray(0, Math.min(this.#count, WINDOW)).toSorted();
    return known[Math.min(known.length - 1, Math.floor(known.length * share))];
  }
}

/** How polling goes, for `vitals`. */
export class Statistics {
  /** Milliseconds from a request to its answer. */
  readonly roundTrips = new Recent();
  /** Share of its interval that a poll took. */
  readonly cycles = new Recent();
  polls = 0;
  /** Polls that came due and were not made, whatever the reason. */
  missed = 0;
}
