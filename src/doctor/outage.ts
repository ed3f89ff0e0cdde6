import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/schema.ts';
import { Archive, type ArchiveStats } from '../outbox/archive.ts';
import { DATABASE_FILE } from '../outbox/database.ts';
import { type Finding, failed, type Section } from './check.ts';
import { freeBytes, nearest } from './disk.ts';
import { bytes, count, time } from './words.ts';

/** What a batch costs in the outbox, beside its observations: measured with 1 to 1,000 observations a batch. */
const BATCH_BYTES = 150;
/** Of numbers with time stamps of microseconds; repeating values take a third. */
const OBSERVATION_BYTES = 9;
/** An outbox of so many observations tells its own figure. */
const ENOUGH_OBSERVATIONS = 10_000;
/** A weekend: an outage that begins on Friday is seen on Monday. */
const SHORT_MS = 60 * 3_600_000;
const LIMIT_MS = 60_000;

/** What the outbox holds, and how long an outage it can bridge, once the rates of the machines are known. */
export function outageSection({ gateway, buffer }: Config, rates: () => readonly number[]): Section {
  const { dataDir } = gateway;
  return {
    group: 'disk',
    subject: dataDir,
    limit: LIMIT_MS,
    async run(tell) {
      const stats = readStats(dataDir);
      if (stats !== undefined) tell('level' in stats ? stats : held(stats));
      const known = stats === undefined || 'level' in stats ? undefined : stats;
      const room = Math.min(buffer.maxBytes, freeBytes(nearest(dataDir)) + (known?.bytes ?? 0));
      tell(forecast(room, bytesPerSecond(rates(), buffer.flushInterval, known)));
    },
  };
}

/** Undefined where there is no outbox yet. */
function readStats(dataDir: string): ArchiveStats | Finding | undefined {
  if (!existsSync(join(dataDir, DATABASE_FILE))) return undefined;
  try {
    using archive = Archive.open(dataDir);
    return archive.stats(Date.now());
  } catch (error) {
    return failed('outbox', error);
  }
}

function held({ backlog, held: refused, bytes: size }: ArchiveStats): Finding {
  const name = 'outbox';
  const waiting = Object.values(backlog).reduce((sum, { batches }) => sum + batches, 0);
  const text = `${bytes(size)}, ${count(waiting, 'batch').replace(/hs$/, 'hes')} waiting`;
  if (refused.length === 0) return { name, level: 'good', text };
  const hint = 'run: edge-gateway buffer stats --config FILE, which tells why';
  return { name, level: 'warn', text: `${text}, ${refused.length} of them refused by the broker`, hint };
}

/** Bytes a second that machines with such rates (observations a second) put into the outbox. */
function bytesPerSecond(rates: readonly number[], flushInterval: number, stats: ArchiveStats | undefined): number {
  const total = rates.reduce((sum, rate) => sum + rate, 0);
  const kept = stats === undefined ? [] : [...Object.values(stats.backlog), stats.delivered];
  const observations = kept.reduce((sum, tally) => sum + tally.observations, 0);
  if (stats !== undefined && observations >= ENOUGH_OBSERVATIONS) return (total * stats.bytes) / observations;
  const batches = rates.reduce((sum, rate) => sum + Math.min(rate, 1000 / flushInterval), 0);
  return batches * BATCH_BYTES + total * OBSERVATION_BYTES;
}

/** How long it takes to fill the room. Pure. */
export function forecast(room: number, perSecond: number): Finding {
  const name = 'outage';
  if (perSecond === 0) return { name, level: 'good', text: 'no forecast, as no machine gave anything to measure' };
  const bridged = (room / perSecond) * 1000;
  const text = `about ${time(bridged)} without the broker fit into ${bytes(room)}, at the rate of this test (${bytes(perSecond)} a second)`;
  if (bridged >= SHORT_MS) return { name, level: 'good', text };
  return { name, level: 'warn', text, hint: 'raise buffer.maxBytes, or use a larger disk' };
}
