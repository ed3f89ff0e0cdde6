import type { LatestValue } from '../history/latest.ts';
import type { Observation, Quality, Value } from '../observation.ts';

/** A batch in the making has its size bounded so that any broker takes it: AWS IoT Core accepts 128 KiB a message. */
export const MAX_OBSERVATIONS = 2000;
export const MAX_BODY_BYTES = 96 * 1024;

/** About what an observation adds to the JSON text: a time, a short number and two commas. */
const BYTES_PER_OBSERVATION = 16;

interface Column {
  readonly times: number[];
  readonly nanoseconds: number[];
  readonly values: Value[];
  /** Made when the first value that is not good arrives. */
  qualities: Quality[] | undefined;
}

/** The value of the envelope's `signals` key as JSON text, with what the books need. */
export interface SealedTelemetry {
  readonly t0: number;
  readonly count: number;
  readonly body: string;
}

/** Turns observations into the columns of contract v1. Pure: no clock, no I/O. */
export class TelemetryBatcher {
  #columns = new Map<string, Column>();
  #count = 0;
  #bytes = 0;
  #t0 = Number.POSITIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** Whether it should be sealed before another observation is added. */
  get full(): boolean {
    return this.#count >= MAX_OBSERVATIONS || this.#bytes >= MAX_BODY_BYTES;
  }

  add(observation: Observation): void {
    const { signal, t, ns, v, q } = observation;
    let column = this.#columns.get(signal);
    if (column === undefined) {
      column = { times: [], nanoseconds: [], values: [], qualities: undefined };
      this.#columns.set(signal, column);
      this.#bytes += signal.length + BYTES_PER_OBSERVATION;
    }
    // The last gate before JSON, which has no NaN: a driver that lets one through must not cost a batch.
    const finite = typeof v !== 'number' || Number.isFinite(v);
    const quality = finite ? q : 'bad';
    if (quality !== 'good' && column.qualities === undefined) {
      column.qualities = new Array<Quality>(column.values.length).fill('good');
    }
    column.times.push(t);
    column.nanoseconds.push(ns);
    column.values.push(finite ? v : null);
    column.qualities?.push(quality);
    this.#count += 1;
    this.#bytes += BYTES_PER_OBSERVATION + weight(v);
    if (t < this.#t0) this.#t0 = t;
  }

  /** The last value of each signal in it. */
  *latest(unitOf: (signal: string) => string | undefined): Generator<LatestValue> {
    for (const [name, { times, values, qualities }] of this.#columns) {
      const last = times.length - 1;
      yield {
        name,
        unit: unitOf(name),
        t: times[last] as number,
        v: values[last] as Value,
        q: qualities?.[last] ?? 'good',
      };
    }
  }

  /** The batch so far, and starts the next one; undefined when nothing was added. */
  seal(unitOf: (signal: string) => string | undefined): SealedTelemetry | undefined {
    if (this.#count === 0) return undefined;
    const t0 = this.#t0;
    const signals = Object.fromEntries(
      [...this.#columns].map(([signal, { times, nanoseconds, values, qualities }]) => [
        signal,
        {
          unit: unitOf(signal),
          t: times.map((t, i) => offset(t - t0, nanoseconds[i] as number)),
          v: values,
          q: qualities,
        },
      ]),
    );
    const sealed = { t0, count: this.#count, body: JSON.stringify(signals) };
    this.#columns = new Map();
    this.#count = 0;
    this.#bytes = 0;
    this.#t0 = Number.POSITIVE_INFINITY;
    return sealed;
  }
}

/** Milliseconds with the nanoseconds as decimals, rounded to them: 12 ms and 851,600 ns are 12.8516. */
function offset(ms: number, ns: number): number {
  return ns === 0 ? ms : Math.round(ms * 1e6 + ns) / 1e6;
}

/** Rough length of a value's JSON text beyond a short number. */
function weight(v: Value): number {
  if (typeof v === 'string') return v.length;
  return typeof v === 'object' && v !== null ? JSON.stringify(v).length : 0;
}
