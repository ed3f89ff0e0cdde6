import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import type { Log } from '../../src/log.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import { DATABASE_FILE } from '../../src/outbox/database.ts';
import type { Budget, NewBatch, Outbox, StoredBatch } from '../../src/outbox/outbox.ts';

export const ROOMY: Budget = { maxBytes: 1e9, maxAge: 1e9 };

/** A log that keeps its lines and tells when one came. */
export function recordingLog() {
  const lines: string[] = [];
  const pushed = new EventEmitter();
  const at =
    (level: string) =>
    (...args: unknown[]) => {
      lines.push(`${level}: ${args.filter((arg) => typeof arg === 'string').join(' ')}`);
      pushed.emit('line');
    };
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), child: () => log };
  /** Resolves once there is a line with `text`. */
  const logged = async (text: string): Promise<void> => {
    while (!lines.some((line) => line.includes(text))) await once(pushed, 'line');
  };
  return { log: log as unknown as Log, lines, logged };
}

export interface Opened {
  readonly outbox: Outbox;
  readonly lines: string[];
  logged(text: string): Promise<void>;
  readonly clock: { time: number; now(): number };
}

/** An outbox in its real thread, closed with the test. */
export async function open(t: Tap, dataDir: string, budget: Budget = ROOMY): Promise<Opened> {
  const { log, lines, logged } = recordingLog();
  const clock = { time: 1_763_640_000_000, now: () => clock.time };
  const outbox = await openOutbox({ dataDir, budget, log, clock });
  t.teardown(() => outbox.close());
  return { outbox, lines, logged, clock };
}

interface Tap {
  teardown(end: () => unknown): void;
}

/** A batch whose body holds `values` as one signal. */
export function batch(values: readonly unknown[] = [1], more: Partial<NewBatch> = {}): NewBatch {
  const body = JSON.stringify({ rpm: { t: values.map((_, i) => i), v: values } });
  return {
    machine: 'm1',
    kind: 'telemetry',
    lane: 'live',
    t0: 1000,
    count: values.length,
    clock: 'synced',
    body,
    ...more,
  };
}

/** What a machine of several signals says at once, such that a dictionary helps; `rpm` is the first value. */
export function moment(rpm: number, more: Partial<NewBatch> = {}, signals = 12, prefix = 's'): NewBatch {
  const others = Array.from({ length: signals }, (_, i) => [
    `${prefix}${i}`,
    { t: [i / 4], v: [Math.round(Math.sin(rpm * (i + 1)) * 1e6) / 1000] },
  ]);
  const body = JSON.stringify({ rpm: { t: [0], v: [rpm] }, ...Object.fromEntries(others) });
  return batch([rpm], { count: signals + 1, body, ...more });
}

/** A batch that zstd cannot make much smaller than `bytes`. */
export function bulky(bytes: number, more: Partial<NewBatch> = {}): NewBatch {
  return batch([randomBytes((bytes * 3) / 4).toString('base64')], more);
}

/** What the body of a stored batch says. */
export function payloadOf(body: Uint8Array | undefined) {
  return JSON.parse(Buffer.from(body ?? []).toString());
}

/** Ids of the batches in a folder whose bodies need a dictionary. */
export function dependentIn(dataDir: string): Set<number> {
  const db = new SqliteDatabase(join(dataDir, DATABASE_FILE), { readonly: true });
  const ids = db.prepare("SELECT id FROM bodies WHERE substr(body, 1, 1) = x'01'").pluck().all() as number[];
  db.close();
  return new Set(ids);
}

/** The values that `batch` was made of. */
export function valuesOf({ body }: Pick<StoredBatch, 'body'>): unknown[] {
  return payloadOf(body).rpm.v;
}

export function claimAll(outbox: Outbox, lane: 'alert' | 'live' = 'live'): Promise<StoredBatch[]> {
  return outbox.claim({ lane, after: 0, limit: 1_000_000, maxBytes: 1e9 });
}
