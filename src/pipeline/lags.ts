/** Upper bounds of the buckets, ms. */
export const LAG_BOUNDS = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000, 600_000] as const;

/** How old observations were when they came: a histogram. */
export class Lags {
  /** `counts[i]` of lags at most `LAG_BOUNDS[i]` and above the bound before; the last is of those above all. */
  readonly counts = new Array<number>(LAG_BOUNDS.length + 1).fill(0);
  sum = 0;

  /** One below zero is a clock that goes ahead, and counts as none. */
  add(lag: number): void {
    let i = 0;
    while (i < LAG_BOUNDS.length && lag > (LAG_BOUNDS[i] as number)) i++;
    this.counts[i] = (this.counts[i] as number) + 1;
    this.sum += Math.max(0, lag);
  }
}
