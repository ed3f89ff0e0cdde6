import type { Value } from '../../observation.ts';
import type { OpenWindow } from './signal-windows.ts';

/** Closed windows of one signal, as contract v1 has them. Arrays belong together; `time` is in seconds. */
export interface WindowColumns {
  readonly unit?: string;
  /** Length, milliseconds. */
  readonly window: number;
  readonly regular: true;
  /** Beginnings, milliseconds after `t0` of the batch. */
  readonly t: readonly number[];
  readonly n: readonly number[];
  readonly min: readonly (number | null)[];
  readonly max: readonly (number | null)[];
  readonly mean: readonly (number | null)[];
  readonly stddev: readonly (number | null)[];
  readonly first: readonly Value[];
  readonly last: readonly Value[];
  readonly time?: Readonly<Record<string, readonly number[]>>;
}

/** Collects closed windows of one signal and length. */
export class ColumnsBuilder {
  readonly #starts: number[] = [];
  readonly #n: number[] = [];
  readonly #min: (number | null)[] = [];
  readonly #max: (number | null)[] = [];
  readonly #mean: (number | null)[] = [];
  readonly #stddev: (number | null)[] = [];
  readonly #first: Value[] = [];
  readonly #last: Value[] = [];
  readonly #time = new Map<string, number[]>();

  get count(): number {
    return this.#starts.length;
  }

  /** Beginning of the first window, milliseconds since the epoch. */
  get from(): number {
    return this.#starts[0] ?? Number.POSITIVE_INFINITY;
  }

  add(start: number, { n, numbers, first, last, time }: OpenWindow): void {
    const isNumeric = numbers.n > 0;
    for (const [value, ms] of time) {
      const seconds = this.#time.get(value) ?? [];
      this.#time.set(value, seconds);
      // It may be new: the windows before it had none of it.
      while (seconds.length < this.count) seconds.push(0);
      seconds.push(ms / 1000);
    }
    this.#starts.push(start);
    this.#n.push(n);
    this.#min.push(isNumeric ? numbers.min : null);
    this.#max.push(isNumeric ? numbers.max : null);
    this.#mean.push(isNumeric ? numbers.mean : null);
    this.#stddev.push(numbers.populationStddev);
    this.#first.push(first);
    this.#last.push(last);
  }

  build(window: number, t0: number, unit: string | undefined): WindowColumns {
    const time = [...this.#time].map(([value, seconds]) => {
      return [value, [...seconds, ...new Array<number>(this.count - seconds.length).fill(0)]] as const;
    });
    return {
      ...(unit === undefined ? {} : { unit }),
      window,
      regular: true,
      t: this.#starts.map((start) => start - t0),
      n: this.#n,
      min: this.#min,
      max: this.#max,
      mean: this.#mean,
      stddev: this.#stddev,
      first: this.#first,
      last: this.#last,
      ...(time.length === 0 ? {} : { time: Object.fromEntries(time) }),
    };
  }
}
