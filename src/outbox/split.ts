import type { Gap, Value } from '../observation.ts';
import type { Kind } from '../wire/contract.ts';
import { beginOf } from './extent.ts';
import type { NewBatch } from './outbox.ts';
import type { Run } from './shed.ts';

/** What is stored in place of a batch that is too large. */
export interface Part {
  readonly count: number;
  /** JSON text, as `NewBatch` has it. */
  readonly body: string;
}

type Columns = Readonly<Record<string, readonly Value[] | Value>>;

/**
 * Divides a body into about equal parts, each with fewer entries: a signal's columns are cut at the same places, a list of events
 * likewise. Gives one part where there is only one entry. Pure.
 * @throws SyntaxError when the body is no JSON
 */
export function split(kind: Kind, body: string, parts: number): Part[] {
  const payload: unknown = JSON.parse(body);
  const entries = Array.isArray(payload)
    ? payload.map((event) => [event])
    : entriesOf(payload as Record<string, Columns>);
  const size = Math.max(1, Math.ceil(entries.length / parts));
  const slices = Array.from({ length: Math.ceil(entries.length / size) }, (_, i) =>
    entries.slice(i * size, (i + 1) * size),
  );
  return slices.map((slice) => ({
    count: slice.length,
    body: JSON.stringify(
      kind === 'event' || kind === 'alert' ? slice.flat() : joined(payload as Record<string, Columns>, slice),
    ),
  }));
}

/** A name and an index for each entry of the columns, signal by signal. */
function entriesOf(signals: Readonly<Record<string, Columns>>): [name: string, index: number][] {
  return Object.entries(signals).flatMap(([name, { t }]) =>
    (t as readonly Value[]).map((_, i) => [name, i] as [string, number]),
  );
}

/** The columns of some entries; what is no column (unit, window) is in each part. */
function joined(signals: Readonly<Record<string, Columns>>, slice: readonly (readonly unknown[])[]): object {
  const bySignal = Map.groupBy(slice as readonly [string, number][], ([name]) => name);
  return Object.fromEntries(
    [...bySignal].map(([name, entries]) => {
      const [from, to] = [entries[0]?.[1] ?? 0, (entries.at(-1)?.[1] ?? 0) + 1];
      const columns = Object.entries(signals[name] as Columns);
      return [
        name,
        Object.fromEntries(columns.map(([key, value]) => [key, Array.isArray(value) ? value.slice(from, to) : value])),
      ];
    }),
  );
}

/** The batches that take the place of one, and the record that says where its seq has gone. Pure. */
export function replacement(run: Run, parts: readonly Part[], stream: string, now: number): NewBatch[] {
  const { machine, kind, batches } = run;
  const [batch] = batches;
  if (batch === undefined) throw new RangeError('there is no batch');
  const common = { machine, lane: 'live', clock: batch.synced ? 'synced' : 'unsynced' } as const;
  const gap: Gap = {
    type: 'gap',
    t: now,
    cause: 'split',
    from: beginOf({ ...batch, kind }) - 1,
    to: Math.max(batch.storedAt, batch.t0),
    count: 0,
    exact: true,
    detail: { parts: parts.length },
    batches: { kind, stream, first: batch.seq, last: batch.seq },
  };
  return [
    ...parts.map(({ count, body }) => ({ ...common, kind, t0: batch.t0, count, body })),
    { ...common, kind: 'event', t0: now, count: 1, body: JSON.stringify([{ ...gap, t: 0 }]) },
  ];
}
