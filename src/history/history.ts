import type { LocalHistory } from '../outbox/local.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import { signalsIn } from '../outbox/telemetry.ts';
import { type Series, SeriesBuilder } from './series.ts';

/** Ids that are all looked at; where a range has more, some of its batches are. */
const ALL_IDS = 60_000;
/** Batches that one request reads at most, in steps of so many: between two the outbox commits. */
const MAX_BATCHES = 6000;
const STEP_BATCHES = 200;
const STEP_BYTES = 1_000_000;
/** Batches that are looked at in one place, for a signal that is not in every one. */
const PLACE_BATCHES = 8;
/** Data is stored within this time after it was observed; what an agent held for longer is found by its commit only. */
const LATE_MS = 10_000;

export interface HistoryRequest {
  readonly machine: string;
  readonly signals: readonly string[];
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** About how many values of each signal are wanted. */
  readonly points: number;
}

export interface HistoryAnswer {
  readonly from: number;
  readonly to: number;
  /** `sampled`: of some batches only, evenly spread over the range; extremes between them are missed. */
  readonly source: 'raw' | 'sampled';
  readonly signals: Readonly<Record<string, Series>>;
}

/**
 * What the outbox still has of some signals of a machine, sent or not, thinned to about as many points as asked for. A long range is
 * sampled, so that a week takes no longer than an hour. The outbox is read in small steps.
 * @throws Fault when it cannot be read
 */
export async function readHistory(outbox: LocalHistory, request: HistoryRequest): Promise<HistoryAnswer> {
  const { machine, signals, from, to, points } = request;
  const width = Math.max(1, (to - from) / points);
  const builders = new Map(signals.map((signal) => [signal, new SeriesBuilder(from, width)]));
  const take = (batch: StoredBatch) => addTo(builders, batch, from, to);
  const first = await outbox.idNear(from);
  const last = await outbox.idNear(to + LATE_MS);
  const source = last - first <= ALL_IDS && (await readAll(outbox, machine, first, last, take)) ? 'raw' : 'sampled';
  if (source === 'sampled') await readPlaces(outbox, { machine, first, last, points }, builders, take);
  return { from, to, source, signals: Object.fromEntries([...builders].map(([name, one]) => [name, one.build()])) };
}

/** Whether everything was read. */
async function readAll(
  outbox: LocalHistory,
  machine: string,
  first: number,
  last: number,
  take: (batch: StoredBatch) => void,
): Promise<boolean> {
  for (let after = first, read = 0; read < MAX_BATCHES; ) {
    const page = await outbox.telemetry({ machine, after, upTo: last }, STEP_BATCHES, STEP_BYTES);
    for (const batch of page) take(batch);
    const end = page.at(-1);
    if (end === undefined) return true;
    after = end.id;
    read += page.length;
  }
  return false;
}

/** Evenly spread over the ids: at each place until every signal was found, or a few batches were looked at. */
async function readPlaces(
  outbox: LocalHistory,
  { machine, first, last, points }: { machine: string; first: number; last: number; points: number },
  builders: ReadonlyMap<string, SeriesBuilder>,
  take: (batch: StoredBatch) => void,
): Promise<void> {
  const places = Math.min(points, MAX_BATCHES / PLACE_BATCHES);
  const step = (last - first) / places;
  const found = () => [...builders.values()].reduce((sum, { size }) => sum + size, 0);
  for (let place = 0; place < places; place++) {
    const after = Math.floor(first + place * step);
    const upTo = Math.floor(first + (place + 1) * step);
    const before = found();
    const page = await outbox.telemetry({ machine, after, upTo }, PLACE_BATCHES, STEP_BYTES);
    for (const batch of page) {
      take(batch);
      if (found() - before >= builders.size) break;
    }
  }
}

function addTo(builders: ReadonlyMap<string, SeriesBuilder>, batch: StoredBatch, from: number, to: number): void {
  const { t0 } = batch;
  const signals = signalsIn(batch);
  for (const [name, builder] of builders) {
    const columns = Object.hasOwn(signals, name) ? signals[name] : undefined;
    if (columns === undefined) continue;
    builder.unit ??= columns.unit;
    for (const [i, offset] of columns.t.entries()) {
      const t = t0 + offset;
      if (t >= from && t <= to) builder.add(t, columns.v[i] ?? null);
    }
  }
}
