/** First and last of a run of numbers, both included. */
export type Range = readonly [first: number, last: number];

/** A set of sequence numbers, kept as runs: its memory grows with the holes, not with the numbers. */
export class SeqRanges {
  /** Ascending, never touching each other. */
  readonly #runs: { first: number; last: number }[] = [];
  #size = 0;

  /** How many numbers it holds. */
  get size(): number {
    return this.#size;
  }

  get first(): number | undefined {
    return this.#runs[0]?.first;
  }

  get last(): number | undefined {
    return this.#runs.at(-1)?.last;
  }

  /** Adds a number; false when it was there. Cheap for numbers that come in order. */
  add(seq: number): boolean {
    const at = this.#indexOf(seq);
    const run = this.#runs[at];
    if (run !== undefined && seq <= run.last) return false;
    const next = this.#runs[at + 1];
    const joinsRun = run !== undefined && run.last === seq - 1;
    const joinsNext = next !== undefined && next.first === seq + 1;
    if (joinsRun && joinsNext) {
      run.last = next.last;
      this.#runs.splice(at + 1, 1);
    } else if (joinsRun) run.last = seq;
    else if (joinsNext) next.first = seq;
    else this.#runs.splice(at + 1, 0, { first: seq, last: seq });
    this.#size += 1;
    return true;
  }

  /** What lies between `from` (default: the first number) and the last number and was not added. */
  holes(from = this.first ?? 1): Range[] {
    const holes: Range[] = [];
    let expected = from;
    for (const { first, last } of this.#runs) {
      if (first > expected) holes.push([expected, first - 1]);
      expected = Math.max(expected, last + 1);
    }
    return holes;
  }

  /** Index of the last run that starts at or before `seq`; -1 when all start behind it. */
  #indexOf(seq: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as { first: number }).first <= seq) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
