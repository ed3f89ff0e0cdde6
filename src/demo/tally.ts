import { Histogram } from '../consumer/histogram.ts';

/** One observation as the consumer has it; `micros`: whole microseconds since the epoch. */
export interface Sighting {
  readonly machine: string;
  readonly signal: string;
  /** Id of the data item that the signal is read from, or its name. */
  readonly source: string;
  readonly micros: number;
}

/** What came out of one machine and what came in of it. */
export interface MachineTally {
  readonly machine: string;
  readonly produced: number;
  readonly received: number;
  readonly missing: number;
}

/**
 * Compares what the machines produced with what the consumer received, observation by observation. Knows nothing of
 * the gateway but the name under which it announces a data item as the source of a signal.
 */
export class Tally {
  readonly #machines = new Map<string, { produced: number; received: number; idOf: Map<string, string> }>();
  /** Produced and not received so far. */
  readonly #waiting = new Set<string>();
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

  addProduced(machine: string, item: { readonly id: string; readonly name: string | undefined }, micros: number): void {
    const tally = this.#of(machine);
    tally.produced += 1;
    tally.idOf.set(item.id, item.id);
    if (item.name !== undefined && !tally.idOf.has(item.name)) tally.idOf.set(item.name, item.id);
    this.#waiting.add(keyOf(machine, item.id, micros));
  }

  /** `at`: milliseconds since the epoch. A second signal of the same item, such as `state` of an Execution, is no news. */
  addReceived({ machine, signal, source, micros }: Sighting, at: number): void {
    const sighting = keyOf(machine, signal, micros);
    if (this.#seen.has(sighting)) this.#repeated += 1;
    this.#seen.add(sighting);
    const tally = this.#of(machine);
    const key = keyOf(machine, tally.idOf.get(source) ?? source, micros);
    if (!this.#waiting.delete(key)) return;
    tally.received += 1;
    const time = micros / 1000;
    if (this.isLive(time)) this.#latency.add(at - time);
    if (this.#backlog?.keys.delete(key) && this.#backlog.keys.size === 0) this.#backlog.drained(at);
  }

  /** Resolves with the time when all that waits now has been received. */
  drained(): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#backlog = { keys: new Set(this.#waiting), drained: resolve };
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

  #of(machine: string) {
    const tally = this.#machines.get(machine) ?? { produced: 0, received: 0, idOf: new Map<string, string>() };
    this.#machines.set(machine, tally);
    return tally;
  }

  #sum(count: (tally: { produced: number; received: number }) => number): number {
    return [...this.#machines.values()].reduce((sum, tally) => sum + count(tally), 0);
  }
}

function keyOf(machine: string, id: string, micros: number): string {
  return `${machine}\n${id}\n${micros}`;
}

/** Microseconds of an agent's timestamp, e.g. `2026-11-20T21:38:11.2396Z`. */
export function microsOf(timestamp: string): number {
  const [seconds = '', fraction = ''] = timestamp.replace(/Z$/, '').split('.');
  return Date.parse(`${seconds}Z`) * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'));
}
