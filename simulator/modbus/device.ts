import { encode, type Point, type PointValue } from './encode.ts';
import { Faults, type ModbusFault } from './fault.ts';
import { answer, type Identity } from './functions.ts';
import { type Range, type Table, Tables } from './tables.ts';

export interface UnitOptions {
  /** Addresses that exist and hold 0; whatever is written exists too. */
  readonly ranges?: Partial<Readonly<Record<Table, readonly Range[]>>>;
  readonly identity?: Identity;
  /** Function codes that it knows; default all that the simulator has. */
  readonly functions?: readonly number[];
  /** What it gives at once; default the limits of the standard. */
  readonly maxRegisters?: number;
  readonly maxBits?: number;
  /** Called with each request that reached the unit, dead or not, when it arrived. */
  readonly onRequest?: (request: UnitRequest) => void;
  /** For the share of requests that a fault hits. */
  readonly seed?: number;
}

export interface UnitRequest {
  /** Function code and what follows. */
  readonly pdu: Buffer;
  /** Milliseconds of the monotonic clock (`performance.now()`). */
  readonly at: number;
}

/** What a unit makes of a request. */
export interface Response {
  /** Function code and what follows; nothing from a dead unit. */
  readonly pdu: Buffer | undefined;
  /** What shall go wrong on the way back. */
  readonly faults: readonly ModbusFault[];
}

/** A Modbus unit: its tables, what it says of itself, its faults and its books. How it is reached is another's. */
export class SimulatedUnit {
  readonly #tables = new Tables();
  readonly #options: UnitOptions;
  readonly #faults: Faults;
  #requests = 0;

  constructor(options: UnitOptions = {}) {
    this.#options = options;
    this.#faults = new Faults(options.seed ?? 1);
    for (const [table, ranges] of Object.entries(options.ranges ?? {})) {
      for (const range of ranges) this.#tables.define(table as Table, range);
    }
  }

  /** Requests that reached it. */
  get requests(): number {
    return this.#requests;
  }

  /** From now on; instead of whatever was ordered before. None at all heals it. */
  fault(...faults: ModbusFault[]): void {
    this.#faults.order(faults);
  }

  set(table: Table, address: number, values: readonly number[]): void {
    this.#tables.set(table, address, values);
  }

  /** Undefined where a hole is among them. */
  get(table: Table, address: number, count = 1): number[] | undefined {
    return this.#tables.get(table, address, count);
  }

  /** Writes a value as its point says, and tells what a correct reader makes of it. */
  write(point: Point, value: PointValue): PointValue {
    const encoded = encode(point, value);
    this.#tables.set(point.table, point.address, encoded.raw);
    return encoded.value;
  }

  respond(pdu: Buffer): Response {
    this.#requests += 1;
    this.#options.onRequest?.({ pdu, at: performance.now() });
    const faults = this.#faults.draw();
    if (faults.some(({ kind }) => kind === 'dead')) return { pdu: undefined, faults };
    const refusal = faults.find((fault) => fault.kind === 'exception');
    if (refusal !== undefined) return { pdu: Buffer.from([(pdu[0] as number) | 0x80, refusal.code]), faults };
    return { pdu: answer(pdu, this.#tables, this.#options), faults };
  }
}
