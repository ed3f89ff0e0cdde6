import { pino } from 'pino';
import { systemClock } from '../../src/clock.ts';
import type { UplinkConfig } from '../../src/config/schema.ts';
import { Forwarder, type ForwarderOptions } from '../../src/forwarder/forwarder.ts';
import type { Lane, NewBatch, Outbox } from '../../src/outbox/outbox.ts';
import { MemoryOutbox } from './memory-outbox.ts';

/** A log whose lines a test can wait for. */
export interface TestLog {
  readonly log: pino.Logger;
  /** Messages with their level, e.g. `warn: it broke`. */
  readonly lines: string[];
  /** The first line that matches, as soon as there is one. */
  line(pattern: RegExp): Promise<string>;
  count(pattern: RegExp): number;
}

export function testLog(): TestLog {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const write = (text: string) => {
    const { level, msg } = JSON.parse(text);
    lines.push(`${pino.levels.labels[level]}: ${msg}`);
    for (const look of waiting) look();
  };
  return {
    log: pino({ base: null, level: 'debug' }, { write }),
    lines,
    count: (pattern) => lines.filter((line) => pattern.test(line)).length,
    line(pattern) {
      const { promise, resolve } = Promise.withResolvers<string>();
      const look = () => {
        const line = lines.find((text) => pattern.test(text));
        if (line === undefined) return;
        waiting.delete(look);
        resolve(line);
      };
      waiting.add(look);
      look();
      return promise;
    },
  };
}

/** An uplink as the config has it, with the short times of a test. */
export function uplinkConfig(url: string, changes: Partial<UplinkConfig> = {}): UplinkConfig {
  return {
    url,
    version: 'auto',
    keepalive: 15_000,
    connectTimeout: 2000,
    ackTimeout: 2000,
    window: 64,
    backoff: { min: 10, max: 40 },
    compression: 'none',
    backfill: { order: 'oldest' },
    commands: false,
    ...changes,
  };
}

/** A forwarder that runs. */
export interface Running extends TestLog {
  readonly forwarder: Forwarder;
  /** Stops it and resolves with the milliseconds that this took. */
  stop(): Promise<number>;
}

export const IDENTITY = { tenant: 'acme', id: 'gw-01', site: 'hall 3' };

/** Starts a forwarder; it is stopped at the test's end at the latest. */
export function startForwarder(
  test: { teardown(end: () => Promise<unknown>): void },
  outbox: Outbox,
  uplink: UplinkConfig,
  {
    clock = systemClock,
    ...more
  }: Partial<Pick<ForwarderOptions, 'clock' | 'random' | 'lateBirthMs' | 'heartbeat'>> = {},
): Running {
  const records = testLog();
  const { log } = records;
  const returnCheckMs = 50;
  const forwarder = new Forwarder({
    outbox,
    uplink,
    identity: IDENTITY,
    version: '1.2.3',
    log,
    clock,
    returnCheckMs,
    ...more,
  });
  const abort = new AbortController();
  const done = forwarder.run(abort.signal);
  const stop = async () => {
    const from = performance.now();
    abort.abort(new Error('the test ends'));
    await done;
    return performance.now() - from;
  };
  test.teardown(async () => {
    await stop();
    if (outbox instanceof MemoryOutbox && outbox.lent > 0) throw new Error(`${outbox.lent} leases were not given back`);
  });
  return { ...records, forwarder, stop };
}

/** Batches of a machine whose signal `n` counts through. */
export function batches(machine: string, count: number, lane: Lane = 'live'): NewBatch[] {
  return Array.from({ length: count }, (_, n) => ({
    machine,
    kind: 'telemetry',
    lane,
    t0: 1_763_640_000_000 + n,
    count: 1,
    clock: 'synced',
    body: JSON.stringify({ n: { t: [0], v: [n] } }),
  }));
}
