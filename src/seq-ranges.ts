/** First and last of a run of numbers, both included. */
export type Range = readonly [first: number, last: number];

/** A run of numbers, and when its ends were: of a hole, when the numbers next to it were. */
export interface Run {
  readonly first: number;
  readonly last: number;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
}

/** A set of sequence numbers, kept as runs: its memory grows with the holes, not with the numbers. */
export class SeqRanges {
  /** Ascending, never touching each other. */
  readonly #runs: Run[] = [];
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

  /** Ascending, with the times of their ends. */
  get runs(): Iterable<Run> {
    return this.#runs;
  }

  has(seq: number): boolean {
    const run = this.#runs[this.#indexFrom(seq)];
    return run !== undefined && run.first <= seq;
  }

  /** Adds a number; false when it was there. Cheap for numbers that come in order. */
  add(seq: number, at = 0): boolean {
    return this.addRun({ first: seq, last: seq, from: at, to: at }) > 0;
  }

  /** Adds a run; gives how many of its numbers were not there. */
  addRun(run: Run): number {
    const start = this.#indexFrom(run.first - 1);
    let end = start;
    let known = 0;
    let { first, last, from, to } = run;
    for (; ; end++) {
      const other = this.#runs[end];
      if (other === undefined || other.first > run.last + 1) break;
      known += Math.max(0, Math.min(other.last, run.last) - Math.max(other.first, run.first) + 1);
      if (other.first <= first) ({ first, from } = other);
      if (other.last >= last) ({ last, to } = other);
    }
    this.#runs.splice(start, end - start, { first, last, from, to });
    const added = run.last - run.first + 1 - known;
    this.#size += added;
    return added;
  }

  /** What lies between `from` (default: the first number) and the last number and was not added. */
  holes(from = this.first ?? 1): Run[] {
    const holes: Run[] = [];
    let expected = from;
    let at: number | undefined;
    for (const run of this.#runs) {
      if (run.first > expected)
        holes.push({ first: expected, last: run.first - 1, from: at ?? run.from, to: run.from });
      expected = Math.max(expected, run.last + 1);
      at = run.to;
    }
    return holes;
  }

  /** Index of the first run that ends at or behind `seq`; their number when all end before it. */
  #indexFrom(seq: number): number {
    let low = 0;
    let high = this.#runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#runs[middle] as Run).last < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
