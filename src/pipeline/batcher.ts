import type { Observation, Quality, Value } from '../observation.ts';
import { JsonText } from './json-text.ts';

/** A batch in the making has its size bounded so that any broker takes it: AWS IoT Core accepts 128 KiB a message. */
export const MAX_OBSERVATIONS = 2000;
export const MAX_BODY_BYTES = 96 * 1024;

/** About what an observation adds to the JSON text: a time, a short number and two commas. */
const BYTES_PER_OBSERVATION = 16;

/** Signals whose column is kept from batch to batch: names can be as many as a machine makes up. */
const MAX_COLUMNS = 20_000;

/** In the place of a row where there is none. */
const NONE = -1;

/** A signal, and which rows of the batch are of it. */
interface Column {
  readonly signal: string;
  unit: string | undefined;
  /** What stands before its times, as JSON text: name and unit. */
  head: string;
  first: number;
  last: number;
  isGood: boolean;
}

/** The value of the envelope's `signals` key as JSON text, with what the books need. */
export interface SealedTelemetry {
  readonly t0: number;
  readonly count: number;
  readonly body: string;
}

/**
 * Turns observations into the columns of contract v1, in the order in which signals first came. Pure: no clock, no I/O. A batch may
 * have thousands of signals with one value each, a hundred times a second: so neither a signal nor an observation makes an object here. The rows
 * of a batch stand in lists that are used again, and those of a signal are chained.
 */
export class TelemetryBatcher {
  readonly #columns = new Map<string, Column>();
  /** Those of the batch. */
  #used: Column[] = [];
  readonly #times: number[] = [];
  readonly #nanoseconds: number[] = [];
  /** NaN where the value is none: it is in `#others` then. A list of numbers alone holds them without an object each. */
  readonly #numbers: number[] = [];
  readonly #others: (Value | undefined)[] = [];
  readonly #qualities: Quality[] = [];
  /** The next row of the same signal. */
  readonly #next: number[] = [];
  readonly #text = new JsonText();
  #count = 0;
  #bytes = 0;
  #t0 = Number.POSITIVE_INFINITY;

  get count(): number {
    return this.#count;
  }

  /** Signals that it knows, of this batch and of those before. */
  get columns(): number {
    return this.#columns.size;
  }

  /** Whether it should be sealed before another observation is added. */
  get full(): boolean {
    return this.#count >= MAX_OBSERVATIONS || this.#bytes >= MAX_BODY_BYTES;
  }

  add({ signal, t, ns, v, q }: Observation): void {
    const column = this.#columns.get(signal) ?? this.#newColumn(signal);
    const row = this.#count;
    // The last gate before JSON, which has no NaN: a driver that lets one through must not cost a batch.
    const isNumber = typeof v === 'number';
    const isLost = isNumber && !Number.isFinite(v);
    const quality = isLost ? 'bad' : q;
    if (column.first === NONE) {
      column.first = row;
      column.isGood = true;
      this.#used.push(column);
      this.#bytes += signal.length + BYTES_PER_OBSERVATION;
    } else {
      this.#next[column.last] = row;
    }
    column.last = row;
    if (quality !== 'good') column.isGood = false;
    this.#times[row] = t;
    this.#nanoseconds[row] = ns;
    this.#numbers[row] = isNumber && !isLost ? v : Number.NaN;
    this.#others[row] = isLost ? null : isNumber ? undefined : v;
    this.#qualities[row] = quality;
    this.#next[row] = NONE;
    this.#count += 1;
    this.#bytes += BYTES_PER_OBSERVATION + weight(v);
    if (t < this.#t0) this.#t0 = t;
  }

  /** Hands over the last value of each signal in it. */
  latest(take: (signal: string, t: number, v: Value, q: Quality) => void): void {
    for (const { signal, last } of this.#used) {
      take(signal, this.#times[last] as number, this.#valueAt(last), this.#qualities[last] as Quality);
    }
  }

  /** The batch so far, and starts the next one; undefined when nothing was added. */
  seal(unitOf: (signal: string) => string | undefined): SealedTelemetry | undefined {
    if (this.#count === 0) return undefined;
    let before = '{';
    for (const column of this.#used) {
      const unit = unitOf(column.signal);
      if (unit !== column.unit) Object.assign(column, { unit, head: headOf(column.signal, unit) });
      this.#text.raw(before);
      this.#write(column);
      column.first = NONE;
      before = ',';
    }
    this.#text.raw('}');
    const sealed = { t0: this.#t0, count: this.#count, body: this.#text.take() };
    // What a machine has said is not held any longer.
    this.#others.fill(undefined, 0, this.#count);
    this.#used = [];
    if (this.#columns.size > MAX_COLUMNS) this.#columns.clear();
    this.#count = 0;
    this.#bytes = 0;
    this.#t0 = Number.POSITIVE_INFINITY;
    return sealed;
  }

  #valueAt(row: number): Value {
    const number = this.#numbers[row] as number;
    return Number.isNaN(number) ? (this.#others[row] as Value) : number;
  }

  #newColumn(signal: string): Column {
    const column = { signal, unit: undefined, head: headOf(signal, undefined), first: NONE, last: NONE, isGood: true };
    this.#columns.set(signal, column);
    return column;
  }

  #write({ head, first, isGood }: Column): void {
    const text = this.#text;
    text.raw(head);
    for (let row = first; row !== NONE; row = this.#next[row] as number) {
      if (row !== first) text.raw(',');
      text.number(offset((this.#times[row] as number) - this.#t0, this.#nanoseconds[row] as number));
    }
    text.raw('],"v":[');
    for (let row = first; row !== NONE; row = this.#next[row] as number) {
      if (row !== first) text.raw(',');
      const number = this.#numbers[row] as number;
      if (Number.isNaN(number)) text.value(this.#others[row] as Value);
      else text.number(number);
    }
    if (!isGood) {
      text.raw('],"q":[');
      for (let row = first; row !== NONE; row = this.#next[row] as number) {
        if (row !== first) text.raw(',');
        text.value(this.#qualities[row] as Quality);
      }
    }
    text.raw(']}');
  }
}

function headOf(signal: string, unit: string | undefined): string {
  return `${JSON.stringify(signal)}:{${unit === undefined ? '' : `"unit":${JSON.stringify(unit)},`}"t":[`;
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
