import { instantAt } from '../instant.ts';
import type { Observation } from '../observation.ts';
import { LOCAL_STREAM, type LocalHistory } from '../outbox/local.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import { signalsIn } from '../outbox/telemetry.ts';
import { isDerived } from './derived-names.ts';
import type { Derived } from './engines.ts';
import type { MachineEngines } from './no-engines.ts';

const PAGE_BATCHES = 500;
const PAGE_BYTES = 4 * 2 ** 20;

/** Where the engines of a machine stand after a start. */
export interface Warmed {
  readonly engines: MachineEngines;
  /** What follows from a config that has changed, and is not told yet. */
  readonly derived: Derived;
}

interface Standing {
  readonly engines: MachineEngines;
  /** Batches up to this one are in its state. */
  readonly after: number;
  isSettled: boolean;
  /** Batches that were stored at once, as far as they were read. */
  waiting: StoredBatch[];
}

/**
 * Brings engines to where they were: their last durable state, the history that they look back on, and what was stored
 * since. What came of that was stored with it, so it is not told again.
 * @param now of the steady clock
 */
export async function warmUp(
  all: readonly MachineEngines[],
  outbox: LocalHistory,
  now: number,
): Promise<readonly Warmed[]> {
  const busy = all.filter((engines) => !engines.isIdle);
  const from = new Map<string, Standing>();
  const warmed: Warmed[] = [];
  let earliest = now;
  let begin = Number.MAX_SAFE_INTEGER;
  for (const engines of busy) {
    const known = await outbox.state(engines.machine);
    if (known !== undefined) engines.restore(known.state);
    const after = known?.after ?? Number.MAX_SAFE_INTEGER;
    begin = Math.min(begin, after);
    earliest = Math.min(earliest, (known?.savedAt ?? now) - engines.history);
    from.set(engines.machine, { engines, after, isSettled: false, waiting: [] });
    warmed.push({ engines, derived: engines.take() });
  }
  if (from.size === 0) return [];
  // One pass for all machines: their batches lie mixed.
  for (let after = Math.min(begin, await outbox.idBefore(earliest)); ; ) {
    const page = await outbox.telemetry({ after }, PAGE_BATCHES, PAGE_BYTES);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
    for (const batch of page) replay(batch, from.get(batch.machine), now);
  }
  for (const standing of from.values()) {
    const { engines } = standing;
    replayWaiting(standing, now);
    if (!standing.isSettled) engines.settle();
    engines.take();
    engines.started(now);
  }
  return warmed;
}

/** Takes a batch; what was stored at once is put in the order of time together. */
function replay(batch: StoredBatch, to: Standing | undefined, now: number): void {
  if (to === undefined) return;
  const [first] = to.waiting;
  const belongs = first?.storedAt === batch.storedAt && first.id <= to.after === batch.id <= to.after;
  if (first !== undefined && !belongs) replayWaiting(to, now);
  to.waiting.push(batch);
}

function replayWaiting(to: Standing, now: number): void {
  const { engines, waiting } = to;
  const isHistory = (waiting[0]?.id ?? 0) <= to.after;
  if (!isHistory && !to.isSettled) {
    engines.settle();
    to.isSettled = true;
  }
  const observations = waiting.flatMap((batch) =>
    observationsIn(batch).filter(({ signal }) =>
      // What was held back is in the local history, and only there is all of it.
      isDerived(signal) ? isHistory : engines.isRaw(signal) !== (batch.stream === LOCAL_STREAM),
    ),
  );
  to.waiting = [];
  for (const observation of observations.sort((a, b) => a.t - b.t || a.ns - b.ns)) {
    if (isHistory) engines.warm(observation);
    else {
      engines.reduce(observation, []);
      engines.observe(observation, now, Number.POSITIVE_INFINITY);
    }
  }
  // What is made of it is made as it was then, and not kept.
  if (!isHistory) engines.take();
}

/** Signal by signal. */
function observationsIn(batch: StoredBatch): Observation[] {
  return Object.entries(signalsIn(batch)).flatMap(([signal, { t, v, q }]) =>
    t.map(
      (offset, i): Observation => ({ signal, ...instantAt(batch.t0, offset), v: v[i] ?? null, q: q?.[i] ?? 'good' }),
    ),
  );
}
