import { closeSync, openSync, readSync } from 'node:fs';
import type { Produced } from '../../simulator/mtconnect/production.ts';
import { UNAVAILABLE } from '../../simulator/mtconnect/value.ts';
import { microsOf } from '../../src/demo/tally.ts';
import { observationsOf } from '../../src/wire/codec.ts';
import type { WireBatch } from '../../src/wire/contract.ts';

const HOUR_MS = 3_600_000;
const CHUNK_BYTES = 1 << 20;

/** What a gap of a machine tells; milliseconds since the epoch. */
interface ToldGap {
  readonly machine: string;
  readonly cause: string;
  readonly from: number;
  readonly to: number;
}

/**
 * The books of machines by event time, from two witnesses that share nothing: what the agents produced, and what the
 * reference consumer wrote as NDJSON.
 */
export class EventBooks {
  readonly #file: string;
  readonly #produced = new Map<string, { readonly machine: string; readonly micros: number }>();
  /** `machine name` → id of the data item. */
  readonly #ids = new Map<string, string>();
  /** `machine signal` → data item, as the machine events say. */
  readonly #sources = new Map<string, string>();
  readonly #batches: WireBatch[] = [];
  readonly gaps: ToldGap[] = [];
  #offset = 0;
  #rest = '';

  /** @param file that the consumer writes, from its beginning */
  constructor(file: string) {
    this.#file = file;
  }

  /** An agent said something; what is unavailable at its start was said by no machine. */
  produced({ device, dataItemId, name, timestamp, value }: Produced): void {
    if (value === UNAVAILABLE) return;
    const micros = microsOf(timestamp);
    this.#produced.set(`${device} ${dataItemId} ${micros}`, { machine: device, micros });
    if (name !== undefined) this.#ids.set(`${device} ${name}`, dataItemId);
  }

  /** Reads what the consumer has written since the last call. */
  read(): void {
    const file = openSync(this.#file, 'r');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (let bytes = readSync(file, chunk, 0, CHUNK_BYTES, this.#offset); bytes > 0; ) {
      this.#offset += bytes;
      this.#rest += chunk.toString('latin1', 0, bytes);
      bytes = readSync(file, chunk, 0, CHUNK_BYTES, this.#offset);
    }
    closeSync(file);
    const lines = this.#rest.split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#take(JSON.parse(Buffer.from(line, 'latin1').toString()));
  }

  get size(): number {
    return this.#produced.size;
  }

  /** Machines of which telemetry has come. */
  get heard(): Set<string> {
    return new Set(this.#batches.flatMap(({ kind, machine }) => (kind === 'telemetry' ? [machine] : [])));
  }

  /** Produced and not received, and no gap of the machine reaches over its time. */
  untold(): string[] {
    return [...this.missing()].filter((key) => {
      const { machine, micros } = this.#produced.get(key) as { machine: string; micros: number };
      return !this.gaps.some((gap) => gap.machine === machine && gap.from <= micros / 1000 && micros / 1000 <= gap.to);
    });
  }

  /** Produced and not received. */
  missing(): Set<string> {
    const missing = new Set(this.#produced.keys());
    for (const { machine, signal, micros } of this.#observations())
      missing.delete(this.#keyOf(machine, signal, micros));
    return missing;
  }

  /** `machine hour` → produced observations. */
  producedByHour(): Map<string, number> {
    return countBy([...this.#produced.values()], ({ machine, micros }) => `${machine} ${hourOf(micros / 1000)}`);
  }

  /** `machine hour` → received observations, of whatever signal. */
  receivedByHour(): Map<string, number> {
    return countBy(this.#observations(), ({ machine, micros }) => `${machine} ${hourOf(micros / 1000)}`);
  }

  /** Signals whose time goes back or stands still from one batch to the next, in the order of `seq`. */
  disorder(): string[] {
    const last = new Map<string, number>();
    const wrong: string[] = [];
    for (const { machine, signal, stream, micros } of this.#observations()) {
      const key = `${stream} ${machine} ${signal}`;
      if (micros <= (last.get(key) ?? 0)) wrong.push(`${machine} ${signal} ${micros}`);
      last.set(key, micros);
    }
    return wrong;
  }

  #take(batch: WireBatch): void {
    this.#batches.push(batch);
    if (batch.kind !== 'event') return;
    for (const event of batch.events) {
      if (event.type === 'gap') {
        const { from, to, cause } = event as unknown as ToldGap;
        this.gaps.push({ machine: batch.machine, cause, from: from ?? to, to });
      } else if (event.type === 'machine') {
        const { signals } = event as unknown as { signals: Readonly<Record<string, { source?: string }>> };
        for (const [signal, { source }] of Object.entries(signals)) {
          if (source !== undefined) this.#sources.set(`${batch.machine} ${signal}`, source);
        }
      }
    }
  }

  #keyOf(machine: string, signal: string, micros: number): string {
    const source = this.#sources.get(`${machine} ${signal}`) ?? signal;
    return `${machine} ${this.#ids.get(`${machine} ${source}`) ?? source} ${micros}`;
  }

  /** In the order of `seq`. */
  *#observations() {
    for (const batch of this.#batches.toSorted((a, b) => a.seq - b.seq)) {
      if (batch.kind !== 'telemetry') continue;
      const { machine, stream } = batch;
      for (const { signal, t, ns } of observationsOf(batch)) {
        yield { machine, stream, signal, micros: t * 1000 + Math.round(ns / 1000) };
      }
    }
  }
}

/** Beginning of the hour, as the consumer's books name it. */
function hourOf(ms: number): string {
  return new Date(Math.floor(ms / HOUR_MS) * HOUR_MS).toISOString().replace(':00.000Z', 'Z');
}

function countBy<T>(all: Iterable<T>, key: (one: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1);
  return counts;
}
