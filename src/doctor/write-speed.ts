import { randomBytes, randomUUID } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from './check.ts';
import { time } from './words.ts';

/** As small as a page of the outbox. */
const COMMIT_BYTES = 4096;
const COMMITS = 100;
/** Written at once to see the throughput. */
const BULK_BYTES = 8 * 2 ** 20;
/** A slow card gets no longer than this for all commits. */
const COMMITS_MS = 3000;
/** The gateway commits once a second by default. */
const SLOW_MEDIAN_MS = 250;
const SLOW_P99_MS = 1000;
const SLOW_MB_PER_S = 1;

/**
 * Writes a file in the folder as the outbox writes, page by page with fsync, and then at once, and removes it.
 * @throws what the disk refuses; the abort reason
 */
export async function writeSpeed(folder: string, signal: AbortSignal): Promise<Finding> {
  const path = join(folder, `doctor-${randomUUID()}.tmp`);
  const file = await open(path, 'wx', 0o600);
  try {
    const page = randomBytes(COMMIT_BYTES);
    const took: number[] = [];
    const begun = performance.now();
    while (took.length < COMMITS && performance.now() - begun < COMMITS_MS) {
      signal.throwIfAborted();
      const from = performance.now();
      await file.write(page, 0, page.length, took.length * COMMIT_BYTES);
      await file.datasync();
      took.push(performance.now() - from);
    }
    const bulk = randomBytes(BULK_BYTES);
    const from = performance.now();
    await file.write(bulk, 0, bulk.length, 0);
    await file.datasync();
    const rate = BULK_BYTES / 1e6 / ((performance.now() - from) / 1000);
    return judge(took, rate);
  } finally {
    await file.close();
    await rm(path, { force: true });
  }
}

function judge(took: readonly number[], rate: number): Finding {
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const [median, p99] = [at(0.5), at(0.99)];
  const text = `a commit of 4 KiB takes ${time(median)} (99 % within ${time(p99)}), ${rate.toFixed(rate < 10 ? 1 : 0)} MB/s at once`;
  const name = 'write speed';
  if (median <= SLOW_MEDIAN_MS && p99 <= SLOW_P99_MS && rate >= SLOW_MB_PER_S) return { name, level: 'good', text };
  return {
    name,
    level: 'warn',
    text,
    hint: 'use a faster card (class A1 or better) or an SSD: data waits in memory until it is written',
  };
}
