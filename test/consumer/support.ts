import type { EventBatch, RollupBatch, TelemetryBatch } from '../../src/wire/contract.ts';

const envelope = {
  v: 1,
  tenant: 'acme',
  gateway: 'gw-01',
  machine: 'vmc-3',
  stream: 'b7k2',
  t0: 1_763_640_000_000,
  clock: 'synced',
} as const;

export const TOPIC = 'plc/acme/gw-01/vmc-3/telemetry';
export const EVENT_TOPIC = 'plc/acme/gw-01/vmc-3/event';
export const STATUS_TOPIC = 'plc/acme/gw-01/status';

/** A batch of one observation whose value is its seq, changed at will. */
export function telemetry(seq: number, changes: Partial<TelemetryBatch> = {}): TelemetryBatch {
  return { ...envelope, kind: 'telemetry', seq, signals: { n: { t: [0], v: [seq] } }, ...changes };
}

export function eventBatch(seq: number, events: readonly object[]): EventBatch {
  return { ...envelope, kind: 'event', seq, events: events as EventBatch['events'] };
}

export function rollup(seq: number): RollupBatch {
  const rpm = { window: 60_000, t: [0], n: [5], min: [1], max: [3], mean: [2], last: [null] };
  return { ...envelope, kind: 'rollup', seq, rollups: { rpm } };
}

export const GAP = { type: 'gap', t: 0, cause: 'agent-overrun', from: 1, to: 2, count: 3, exact: true };

export function bytes(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** The same elements in another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  return items
    .map((item) => ({ item, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** A seed of its own for each run, told with the test so that a failure can be repeated: `SEED=… tap run …`. */
export const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
