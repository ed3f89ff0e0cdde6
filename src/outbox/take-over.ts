import type { MachineEvent } from '../observation.ts';
import type { SeqRanges } from '../seq-ranges.ts';
import { ChannelWreck, eventsOf, gapsOf, salvagedNotice, unknownLoss } from './adopt.ts';
import { SLICE_BATCHES } from './retention.ts';
import { Wreck } from './salvage.ts';
import type { Adopted, Store } from './store.ts';

/** Events in one batch. */
const EVENTS_A_BATCH = 500;

/** What was taken over so far. */
export interface SalvageProgress {
  /** Undelivered batches that were taken over. */
  readonly batches: number;
  readonly observations: number;
  /** Undelivered batches that were there already: an earlier start, or a hand, has taken them over. */
  readonly before: number;
}

/** What was made of a damaged database. */
export interface SalvageReport extends SalvageProgress {
  /** Where it lies now. */
  readonly file: string;
  /** Batches that were given a seq and cannot be read; null: nothing of it can be read, so nobody knows. */
  readonly lost: number | null;
  /** Of those lost, batches of which not even the machine is known: no gap tells them. */
  readonly nameless: number;
  /** Machines whose place to resume reading was lost. */
  readonly withoutCursor: readonly string[];
  /** Why not all of it was taken over yet. */
  readonly interrupted?: string;
}

export interface TakeOverOptions {
  readonly now: number;
  /** Told of the loss where nothing can be read. */
  readonly machines?: readonly string[];
  /** Called now and then with what is on the disk. */
  readonly onProgress?: (soFar: SalvageProgress) => void;
}

/**
 * Takes what is undelivered in a damaged database, and is not there yet, into an outbox under the identity that it has, and tells
 * the machines' consumers what was salvaged and what is lost. A cursor is taken over where there is none. What tells comes
 * last, in one transaction; until then it may be repeated.
 * @throws what SQLite or the file system throws
 */
export function takeOver(store: Store, file: string, options: TakeOverOptions): SalvageReport {
  using wreck = new Wreck(file);
  const wrecks = new Map([...wreck.channels()].map(([id, channel]) => [id, new ChannelWreck(channel)]));
  const here = new Map([...wrecks.values()].map((one) => [one, store.seqsOf(one.channel)]));
  const { now, machines = [], onProgress } = options;
  let [batches, observations, before, nameless] = [0, 0, 0, 0];
  let waiting: Adopted[] = [];
  const flush = () => {
    store.adopt({ batches: waiting }, now);
    waiting = [];
    onProgress?.({ batches, observations, before });
  };
  for (const batch of wreck.batches()) {
    const of = wrecks.get(batch.channel);
    if (of === undefined && !batch.isDelivered) nameless += 1;
    if (of?.take(batch) !== true || batch.body === null) continue;
    if (here.get(of)?.add(batch.seq, batch.t0) !== true) {
      before += 1;
      continue;
    }
    batches += 1;
    observations += batch.count;
    waiting.push({ channel: { ...of.channel, nextSeq: of.nextSeq }, batch: { ...batch, body: batch.body } });
    if (waiting.length >= SLICE_BATCHES) flush();
  }
  flush();
  const { events, lost } = tell([...wrecks.values()], here, wreck, store.stream, now);
  const unknown = wrecks.size > 0 ? [] : machines.map((machine) => nothingOf(machine, store.stream, now));
  const numbering = [...wrecks.values()].map((one) => ({ ...one.channel, nextSeq: one.nextSeq }));
  const told = [...events, ...unknown].flatMap(([machine, all]) =>
    Array.from({ length: Math.ceil(all.length / EVENTS_A_BATCH) }, (_, i) =>
      eventsOf(machine, all.slice(i * EVENTS_A_BATCH, (i + 1) * EVENTS_A_BATCH), now),
    ),
  );
  store.adopt({ batches: [], numbering, cursors: wreck.cursors, events: told }, now);
  return {
    file,
    batches,
    observations,
    before,
    lost: wrecks.size === 0 ? null : lost + nameless,
    nameless,
    withoutCursor: [...events.keys()].filter((machine) => !wreck.cursors.has(machine)),
  };
}

/** What each machine's consumers are told. */
function tell(
  wrecks: readonly ChannelWreck[],
  here: ReadonlyMap<ChannelWreck, SeqRanges>,
  { cursors, isEndUnsure }: Pick<Wreck, 'cursors' | 'isEndUnsure'>,
  stream: string,
  now: number,
): { events: Map<string, MachineEvent[]>; lost: number } {
  const events = new Map<string, MachineEvent[]>();
  let lost = 0;
  const byMachine = Map.groupBy(wrecks, ({ channel }) => channel.machine);
  for (const machine of new Set([...byMachine.keys(), ...cursors.keys()])) {
    const own = byMachine.get(machine) ?? [];
    const losses = own.map((one) => ({ one, ...one.losses(here.get(one) as SeqRanges) }));
    const figures = {
      batches: own.reduce((sum, { kept }) => sum + kept, 0),
      observations: own.reduce((sum, { observations }) => sum + observations, 0),
      lost: losses.reduce((sum, of) => sum + of.lost, 0),
    };
    lost += figures.lost;
    const streams = [...new Set(own.map(({ channel }) => channel.stream))];
    // Without its place, its numbering or what was committed last, nobody knows what is missing.
    const hasNumbering = own.length > 0 && own.every(({ channel }) => channel.nextSeq !== null);
    const isClear = cursors.has(machine) && hasNumbering && !isEndUnsure;
    const times = own.flatMap(({ lastAt }) => lastAt ?? []);
    events.set(machine, [
      ...losses.flatMap(({ one, losses: each }) => gapsOf(one.channel, each, now)),
      ...(isClear ? [] : [unknownLoss(times.length === 0 ? null : Math.max(...times), now)]),
      salvagedNotice(figures, streams, stream, now),
    ]);
  }
  return { events, lost };
}

function nothingOf(machine: string, stream: string, now: number): [string, MachineEvent[]] {
  return [machine, [unknownLoss(null, now), salvagedNotice(null, [], stream, now)]];
}
