import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { codeOf, explain } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Gap, Observation } from '../observation.ts';
import type { LocalHistory } from '../outbox/local.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import { signalsIn } from '../outbox/telemetry.ts';
import { LatestValues } from './latest.ts';
import { type Segment, StateTimeline } from './state-timeline.ts';

const FILE = 'memory.json';
/** How often it is written. What was stored since is read again at a start. */
const SAVE_MS = 5 * 60_000;
/** So much is read again at most: ten machines write 3,000 batches in that time. */
const MAX_BATCHES = 20_000;
const PAGE_BATCHES = 500;
const PAGE_BYTES = 4_000_000;

/** What is known of one machine for those who look. */
interface Memory {
  readonly latest: LatestValues;
  readonly timeline: StateTimeline;
}

interface Kept {
  /** Everything up to this batch of the outbox is in it. */
  readonly after?: number;
  readonly machines?: Readonly<Record<string, { readonly latest?: unknown; readonly timeline?: unknown }>>;
}

export interface MemoriesOptions {
  readonly dataDir: string;
  readonly outbox: LocalHistory;
  /** The wall clock. */
  readonly clock: Clock;
  /** Of the outbox: never set back. */
  readonly steady: Clock;
  /** Until when a machine is known to be in its last state, since it was read then; undefined: it is not. */
  readonly heldUntil: (machine: string) => number | undefined;
  readonly log: Log;
}

/**
 * The last values and the states of the last day of each machine, for the status page: kept over a restart in a file of the data folder, and
 * made whole from the outbox. A machine that has told its state once, hours ago, has told it. Losing the file costs no data.
 */
export class Memories {
  readonly #options: MemoriesOptions;
  readonly #file: string;
  readonly #machines = new Map<string, Memory>();
  #isSaving = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MemoriesOptions) {
    this.#options = options;
    this.#file = join(options.dataDir, FILE);
  }

  /** Takes up what was known of some machines; before they are read. Never rejects. */
  async open(machines: readonly string[]): Promise<void> {
    const { log } = this.#options;
    try {
      const { after, machines: kept = {} } = JSON.parse(readFileSync(this.#file, 'utf8')) as Kept;
      for (const machine of machines.filter((id) => Object.hasOwn(kept, id))) {
        const { latest, timeline } = this.of(machine);
        latest.restore(kept[machine]?.latest);
        timeline.restore(kept[machine]?.timeline);
      }
      if (typeof after === 'number') await this.#catchUp(after, new Set(machines));
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') log.debug(`the last values are not known again: ${explain(error)}`);
    }
    this.#timer = setInterval(() => void this.save(), SAVE_MS).unref();
  }

  of(machine: string): Memory {
    const { clock } = this.#options;
    const known = this.#machines.get(machine) ?? {
      latest: new LatestValues(clock),
      timeline: new StateTimeline(clock),
    };
    this.#machines.set(machine, known);
    return known;
  }

  /** Takes an observation of a machine's state. Other signals come by their last values. */
  observe(machine: string, { signal, t, v, q }: Observation): void {
    if (signal === 'state') this.of(machine).timeline.observe(t, q === 'bad' ? null : v);
  }

  /** What a machine did in that time is not known. */
  gap(machine: string, { cause, from }: Gap): void {
    if (cause !== 'split' && cause !== 'budget') this.of(machine).timeline.interrupt(from);
  }

  timeline(machine: string, from: number, to: number): Segment[] {
    return this.#machines.get(machine)?.timeline.between(from, to, this.#options.heldUntil(machine)) ?? [];
  }

  /** Never rejects. */
  async save(): Promise<void> {
    if (this.#isSaving) return;
    this.#isSaving = true;
    const { outbox, steady, heldUntil, log } = this.#options;
    try {
      // What was committed before now has been seen before now.
      const after = await outbox.idNear(steady.now());
      const machines = [...this.#machines].map(([id, { latest, timeline }]) => {
        return [id, { latest: latest.all(), timeline: timeline.snapshot(heldUntil(id)) }] as const;
      });
      await writeFile(`${this.#file}.new`, JSON.stringify({ after, machines: Object.fromEntries(machines) }));
      await rename(`${this.#file}.new`, this.#file);
    } catch (error) {
      log.debug(`the last values are not kept: ${explain(error)}`);
    } finally {
      this.#isSaving = false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save();
  }

  async #catchUp(from: number, machines: ReadonlySet<string>): Promise<void> {
    for (let after = from, read = 0; read < MAX_BATCHES; ) {
      const page = await this.#options.outbox.telemetry({ after }, PAGE_BATCHES, PAGE_BYTES);
      for (const batch of page) if (machines.has(batch.machine)) this.#take(batch);
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
      read += page.length;
    }
  }

  #take(batch: StoredBatch): void {
    const { machine, t0 } = batch;
    const { latest } = this.of(machine);
    for (const [name, { unit, t, v, q }] of Object.entries(signalsIn(batch))) {
      for (const [i, offset] of t.entries()) {
        const value = { t: t0 + Math.floor(offset), v: v[i] ?? null, q: q?.[i] ?? ('good' as const) };
        latest.observe(name, unit, value.t, value.v, value.q);
        this.observe(machine, { signal: name, ns: 0, ...value });
      }
    }
  }
}
