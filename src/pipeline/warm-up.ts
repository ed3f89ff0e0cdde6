import type { Observation, Quality, Value } from '../observation.ts';
import { decodeBody } from '../outbox/codec.ts';
import type { LocalHistory } from '../outbox/local.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import type { Derived, Engines } from './engines.ts';

const PAGE_BATCHES = 500;
const PAGE_BYTES = 4 * 2 ** 20;

/** Where the engines of a machine stand after a start. */
export interface Warmed {
  readonly engines: Engines;
  /** What follows from a config that has changed, and is not told yet. */
  readonly derived: Derived;
}

/**
 * Brings engines to where they were: their last durable state, the history that they look back on, and what was stored
 * since. What came of that was stored with it, so it is not told again.
 * @param now of the steady clock
 */
export async function warmUp(all: readonly Engines[], outbox: LocalHistory, now: number): Promise<readonly Warmed[]> {
  const busy = all.filter((engines) => !engines.isIdle);
  const from = new Map<string, { engines: Engines; after: number }>();
  const warmed: Warmed[] = [];
  let begin = await outbox.idBefore(now - Math.max(0, ...busy.map(({ history }) => history)));
  for (const engines of busy) {
    const known = await outbox.state(engines.machine);
    if (known !== undefined) engines.restore(known.state);
    const after = known?.after ?? Number.MAX_SAFE_INTEGER;
    begin = Math.min(begin, after);
    from.set(engines.machine, { engines, after });
    warmed.push({ engines, derived: engines.take() });
  }
  // One pass for all machines: their batches lie mixed.
  for (let after = begin; from.size > 0; ) {
    const page = await outbox.telemetry({ after }, PAGE_BATCHES, PAGE_BYTES);
    const last = page.at(-1);
    if (last === undefined) break;
    after = last.id;
    for (const batch of page) replay(batch, from.get(batch.machine), now);
  }
  for (const { engines } of warmed) {
    engines.take();
    engines.started(now);
  }
  return warmed;
}

function replay(batch: StoredBatch, to: { engines: Engines; after: number } | undefined, now: number): void {
  if (to === undefined) return;
  for (const observation of observationsIn(batch)) {
    if (to.engines.isDerived(observation.signal)) continue;
    if (batch.id <= to.after) to.engines.warm(observation);
    else to.engines.observe(observation, now, Number.POSITIVE_INFINITY);
  }
}

interface Columns {
  readonly t: readonly number[];
  readonly v: readonly Value[];
  readonly q?: readonly Quality[];
}

/** In the order of their times: that of the columns of different signals is not kept. Nothing of a body that is damaged. */
function observationsIn({ t0, body }: StoredBatch): Observation[] {
  let signals: Record<string, Columns>;
  try {
    signals = JSON.parse(decodeBody(body));
  } catch {
    // `buffer verify` tells of it, and the forwarder where it is still to be sent.
    return [];
  }
  const observations = Object.entries(signals).flatMap(([signal, { t, v, q }]) =>
    t.map((offset, i): Observation => {
      const nanoseconds = Math.round(offset * 1e6);
      const ms = Math.floor(nanoseconds / 1e6);
      return { signal, t: t0 + ms, ns: nanoseconds - ms * 1e6, v: v[i] ?? null, q: q?.[i] ?? 'good' };
    }),
  );
  return observations.sort((a, b) => a.t - b.t || a.ns - b.ns);
}
