import { readFileSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf, explain } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Observation, Value } from '../observation.ts';
import { type Segment, StateTimeline } from './state-timeline.ts';

const FILE = 'timelines.json';
/** How often they are written at most: what a kill can make unknown. */
const SAVE_MS = 5 * 60_000;

/** The state timelines of all machines, kept over a restart in a file of the data folder. They are for people: losing one costs no data. */
export class Timelines {
  readonly #file: string;
  readonly #log: Log;
  readonly #heldUntil: (machine: string) => number | undefined;
  readonly #machines = new Map<string, StateTimeline>();
  #kept: Readonly<Record<string, Value>>;
  #isChanged = false;
  #isSaving = false;
  #timer: NodeJS.Timeout;

  /** @param heldUntil until when a machine is known to be in its last state, since it was read then; undefined: it is not */
  constructor(dataDir: string, heldUntil: (machine: string) => number | undefined, log: Log) {
    this.#file = join(dataDir, FILE);
    this.#heldUntil = heldUntil;
    this.#log = log;
    this.#kept = this.#load();
    this.#timer = setInterval(() => void this.save(), SAVE_MS).unref();
  }

  observe(machine: string, { t, v, q }: Observation): void {
    this.#of(machine).observe(t, q === 'bad' ? null : v);
    this.#isChanged = true;
  }

  between(machine: string, from: number, to: number): Segment[] {
    return this.#of(machine).between(from, to, this.#heldUntil(machine));
  }

  /** Never rejects. */
  async save(): Promise<void> {
    if (!this.#isChanged || this.#isSaving) return;
    this.#isSaving = true;
    this.#isChanged = false;
    const machines = [...this.#machines].map(([id, timeline]) => [id, timeline.snapshot(this.#heldUntil(id))] as const);
    try {
      await writeFile(`${this.#file}.new`, JSON.stringify({ ...this.#kept, ...Object.fromEntries(machines) }));
      await rename(`${this.#file}.new`, this.#file);
    } catch (error) {
      this.#log.debug(`the state timelines are not kept: ${explain(error)}`);
    } finally {
      this.#isSaving = false;
    }
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.save();
  }

  #of(machine: string): StateTimeline {
    let timeline = this.#machines.get(machine);
    if (timeline === undefined) {
      timeline = new StateTimeline();
      timeline.restore(this.#kept[machine]);
      this.#machines.set(machine, timeline);
    }
    return timeline;
  }

  #load(): Readonly<Record<string, Value>> {
    try {
      const kept: unknown = JSON.parse(readFileSync(this.#file, 'utf8'));
      return typeof kept === 'object' && kept !== null ? (kept as Record<string, Value>) : {};
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') this.#log.debug(`the state timelines begin anew: ${explain(error)}`);
      return {};
    }
  }
}
