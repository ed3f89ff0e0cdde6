import { Histogram } from '../consumer/histogram.ts';

/** One observation as the consumer has it; `micros`: whole microseconds since the epoch. */
export interface Sighting {
  readonly machine: string;
  readonly signal: string;
  /** Where the signal is read from, as the gateway announces it: id or name of a data item, a node, a register. */
  readonly source: string;
  readonly micros: number;
  readonly value: unknown;
}

/** What a machine's signal is read from, and the name that the machine has for it beside. */
export interface Item {
  readonly id: string;
  readonly name?: string | undefined;
}

/** What came out of one machine and what came in of it. */
export interface MachineTally {
  readonly machine: string;
  readonly produced: number;
  readonly received: number;
  readonly missing: number;
}

/** The books of one machine. */
interface Books {
  produced: number;
  received: number;
  readonly idOf: Map<string, string>;
  /** Items that are recognised by their values, and these: what is polled has the gateway's timestamp. */
  readonly polled: Map<string, Set<string>>;
}

/**
 * Compares what the machines produced with what the consumer received, observation by observation. Knows nothing of
 * the gateway but the name under which it announces a data item as the source of a signal.
 */
export class Tally {
  readonly #machines = new Map<string, Books>();
  /** Produced and not received so far, with the time when it was produced, in milliseconds. */
  readonly #waiting = new Map<string, number>();
  /** Received under whatever key, by machine, signal and time. */
  readonly #seen = new Set<string>();
  #repeated = 0;
  readonly #latency = new Histogram();
  /** Which observations count for the latency, by their time in milliseconds; those of the outage wait on purpose. */
  isLive: (time: number) => boolean = () => false;
  /** What has to arrive until the backlog counts as drained. */
  #backlog: { keys: Set<string>; drained: (at: number) => void } | undefined;

  get produced(): number {
    return this.#sum(({ produced }) => produced);
  }

  get received(): number {
    return this.#sum(({ received }) => received);
  }

  /** Received more than once although the consumer had dropped the duplicates of their batches. */
  get repeated(): number {
    return this.#repeated;
  }

  get missing(): number {
    return this.#waiting.size;
  }

  /** An observation that the machine stamped itself. */
  addProduced(machine: string, item: Item, micros: number): void {
    this.#add(this.#of(machine), machine, item, micros, micros / 1000);
  }

  /** A value of an item that is polled: each that it has ever had must be received. `at`: milliseconds since the epoch. */
  addCounted(machine: string, item: Item, value: unknown, at: number): void {
    const books = this.#of(machine);
    const mark = JSON.stringify(value);
    const values = books.polled.get(item.id) ?? new Set();
    if (values.has(mark)) return;
    books.polled.set(item.id, values.add(mark));
    this.#add(books, machine, item, mark, at);
  }

  #add(books: Books, machine: string, { id, name }: Item, mark: number | string, at: number): void {
    books.produced += 1;
    books.idOf.set(id, id);
    if (name !== undefined && !books.idOf.has(name)) books.idOf.set(name, id);
    this.#waiting.set(keyOf(machine, id, mark), at);
  }

  /** `at`: milliseconds since the epoch. A second signal of the same item, such as `state` of an Execution, is no news. */
  addReceived({ machine, signal, source, micros, value }: Sighting, at: number): void {
    const sighting = keyOf(machine, signal, micros);
    if (this.#seen.has(sighting)) this.#repeated += 1;
    this.#seen.add(sighting);
    const books = this.#of(machine);
    const id = books.idOf.get(source) ?? source;
    const key = keyOf(machine, id, books.polled.has(id) ? JSON.stringify(value) : micros);
    const time = this.#waiting.get(key);
    if (time === undefined) return;
    this.#waiting.delete(key);
    books.received += 1;
    if (this.isLive(time)) this.#latency.add(at - time);
    if (this.#backlog?.keys.delete(key) && this.#backlog.keys.size === 0) this.#backlog.drained(at);
  }

  /** Resolves with the time when all that waits now has been received. */
  drained(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#backlog = { keys: new Set(this.#waiting.keys()), drained: resolve };
    if (this.#waiting.size === 0) resolve(Date.now());
    return promise;
  }

  /** Milliseconds from an observation's timestamp to its arrival; 0 when none was live. */
  latency(quantile: number): number {
    return this.#latency.quantile(quantile) ?? 0;
  }

  machines(): MachineTally[] {
    return [...this.#machines]
      .map(([machine, { produced, received }]) => ({ machine, produced, received, missing: produced - received }))
      .sort((a, b) => a.machine.localeCompare(b.machine));
  }

  #of(machine: string): Books {
    const books = this.#machines.get(machine) ?? { produced: 0, received: 0, idOf: new Map(), polled: new Map() };
    this.#machines.set(machine, books);
    return books;
  }

  #sum(count: (tally: { produced: number; received: number }) => number): number {
    return [...this.#machines.values()].reduce((sum, tally) => sum + count(tally), 0);
  }
}

function keyOf(machine: string, id: string, mark: number | string): string {
  return `${machine}\n${id}\n${mark}`;
}

/** Microseconds of an agent's timestamp, e.g. `2026-11-20T21:38:11.2396Z`. */
export function microsOf(timestamp: string): number {
  const [seconds = '', fraction = ''] = timestamp.replace(/Z$/, '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}
