import type { MachineEvent, Observation } from '../../observation.ts';
import type { Asker } from './asker.ts';
import { type Decoder, decoderOf } from './decode.ts';
import type { LinkDown, ModbusException } from './errors.ts';
import { type Block, bisect, type PlanLimits, plan } from './plan.ts';
import { type ModbusSignal, sourceText } from './signals.ts';

/** A signal that the device refused to give is asked for again this often. */
const RETRY_REFUSED_MS = 10 * 60_000;
/** Signals that a notice names. */
const MAX_NAMED = 20;

/** A block made ready to be read again and again. */
interface Readable {
  readonly block: Block;
  readonly decoders: readonly (readonly [name: string, decode: Decoder])[];
  /** Its signals were last told as null, because it could not be read. */
  isTold: boolean;
}

/** What a poll did. */
export interface PollResult {
  /** Observations that it should have given and did not, as the unit or the link was silent. */
  readonly missed: number;
  /** Why nothing came, where the unit or the link was silent to the last question. */
  readonly silence: Error | LinkDown | undefined;
}

/** Takes what a poll gives, block by block. `events` are for a person; `t` is when the answer arrived. */
export type Emit = (observations: Observation[], events: MachineEvent[], t: number, isData: boolean) => void;

export interface GroupOptions {
  readonly signals: readonly ModbusSignal[];
  readonly limits: PlanLimits;
  /** Milliseconds from one poll to the next. */
  readonly every: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds after which a refused signal is asked for again; default 10 minutes. */
  readonly retryRefused?: number;
}

/** The signals of a machine that have the same interval: which blocks they are read in, and what the device refuses. */
export class PollGroup {
  readonly every: number;
  /** Time of the last answer with data, in milliseconds since the epoch. */
  lastGood: number | null = null;
  readonly #limits: PlanLimits;
  readonly #now: () => number;
  readonly #retryRefused: number;
  #readables: Readable[];
  /** Signals have become readable again, each in a block of its own. */
  #isScattered = false;
  /** Refused signals, and when (on the monotonic clock) they are asked for again. */
  readonly #refused = new Map<ModbusSignal, number>();

  constructor({ signals, limits, every, now, retryRefused = RETRY_REFUSED_MS }: GroupOptions) {
    this.every = every;
    this.#limits = limits;
    this.#now = now;
    this.#retryRefused = retryRefused;
    this.#readables = plan(signals, limits).map(readable);
  }

  get blocks(): readonly Block[] {
    return this.#readables.map(({ block }) => block);
  }

  get refused(): readonly ModbusSignal[] {
    return [...this.#refused.keys()];
  }

  /** Signals that a poll gives: the others are known to be refused. */
  get size(): number {
    return this.#readables.reduce((sum, { block }) => sum + block.signals.length, 0);
  }

  /** What a probe asks for: the first thing that is known to be readable, and as little of it as can be. */
  get probe(): Block['signals'][number] | undefined {
    return this.#readables[0]?.block.signals[0] ?? this.refused[0];
  }

  /**
   * Reads every block once, so many at a time, and emits each as it comes. A block that is refused is bisected at once.
   * Ends early when the unit or the link is lost. Rejects only with the abort reason.
   */
  async poll(asker: Asker, lanes: number, isLost: () => boolean, emit: Emit): Promise<PollResult> {
    const due = [...this.#readables];
    const retried = this.#dueAgain();
    if (retried !== undefined)
      due.push(readable(plan([retried], { maxRegisters: 125, maxBits: 1, bridge: 0 })[0] as Block));
    const refusals: [ModbusSignal, ModbusException][] = [];
    let missed = 0;
    // A refused signal that is asked for again is not missed.
    const miss = (one: Readable) => {
      if (this.#readables.includes(one)) missed += one.block.signals.length;
    };
    let silence: Error | undefined;
    const work = async () => {
      while (!isLost()) {
        const next = due.shift();
        if (next === undefined) return;
        const outcome = await asker.read(next.block);
        if (outcome.kind === 'silent' || outcome.kind === 'down') {
          silence = outcome.error;
          miss(next);
          if (outcome.kind === 'down') return;
        } else if (outcome.kind === 'refused') {
          due.unshift(...this.#refuse(next, outcome.error, refusals, emit));
        } else {
          silence = undefined;
          this.#accept(next, outcome.data, outcome.t, emit);
        }
      }
    };
    await Promise.all(Array.from({ length: lanes }, work));
    due.forEach(miss);
    if (refusals.length > 0) this.#tellRefusals(refusals, emit);
    if (this.#isScattered && this.#dueAgain() === undefined) this.#gather();
    return { missed, silence };
  }

  /** Null for every signal that was not told as null already: the machine does not answer any more. */
  nulls(t: number): Observation[] {
    return this.#readables.flatMap((one) => nullsOf(one, t));
  }

  /** Plans anew what is readable, once all that were due have been asked for again. */
  #gather(): void {
    this.#isScattered = false;
    const signals = this.#readables.flatMap(({ block }) => block.signals);
    this.#readables = plan(signals, this.#limits).map(readable);
  }

  #accept(one: Readable, data: Buffer, t: number, emit: Emit): void {
    this.lastGood = t;
    const events: MachineEvent[] = [];
    const [first] = one.block.signals;
    if (first !== undefined && this.#refused.delete(first)) {
      this.#readables.push(one);
      this.#isScattered = true;
      events.push({ type: 'notice', t, code: 'signals-readable', message: `can be read again: ${first.name}` });
    }
    one.isTold = false;
    const observations: Observation[] = [];
    for (const [signal, decode] of one.decoders) {
      const v = decode(data);
      observations.push({ signal, t, ns: 0, v, q: v === null ? 'bad' : 'good' });
    }
    emit(observations, events, t, true);
  }

  /** What is to be read instead: the halves of the block, or nothing. */
  #refuse(
    one: Readable,
    error: ModbusException,
    refusals: [ModbusSignal, ModbusException][],
    emit: Emit,
  ): readonly Readable[] {
    const { signals } = one.block;
    const [first] = signals;
    if (first !== undefined && this.#refused.has(first)) {
      this.#refused.set(first, performance.now() + this.#retryRefused);
      return [];
    }
    if (!error.isOfAddress && error.code !== 1) {
      this.#tellFailure(one, error, emit);
      return [];
    }
    const halves = error.isOfAddress ? (bisect(one.block)?.map(readable) ?? []) : [];
    for (const half of halves) half.isTold = one.isTold;
    this.#readables = this.#readables.flatMap((other) => (other === one ? halves : [other]));
    if (halves.length > 0) return halves;
    const t = this.#now();
    emit(nullsOf(one, t), [], t, false);
    for (const signal of signals) {
      this.#refused.set(signal, performance.now() + this.#retryRefused);
      refusals.push([signal, error]);
    }
    return [];
  }

  /** The device answers that it cannot now (04, busy for too long …): told once, asked again at the next poll. */
  #tellFailure(one: Readable, error: ModbusException, emit: Emit): void {
    if (one.isTold) return;
    const t = this.#now();
    const { table, address, size } = one.block;
    const message = `${table} ${address} to ${address + size - 1} cannot be read now: ${error.message}`;
    emit(nullsOf(one, t), [{ type: 'notice', t, code: 'device-failure', message }], t, false);
  }

  #tellRefusals(refusals: readonly (readonly [ModbusSignal, ModbusException])[], emit: Emit): void {
    const t = this.#now();
    const named = refusals.slice(0, MAX_NAMED).map(([signal, error]) => {
      return `${signal.name} (${sourceText(signal)}, ${error.message})`;
    });
    const rest = refusals.length > MAX_NAMED ? ` and ${refusals.length - MAX_NAMED} more` : '';
    const message = `cannot be read: ${named.join('; ')}${rest}. Check address, table and addressing; asked again every 10 minutes`;
    emit([], [{ type: 'notice', t, code: 'signals-refused', message }], t, false);
  }

  /** At most one in a poll, so that many of them do not come together. */
  #dueAgain(): ModbusSignal | undefined {
    if (this.#refused.size === 0) return undefined;
    const now = performance.now();
    for (const [signal, at] of this.#refused) if (at <= now) return signal;
    return undefined;
  }
}

function readable(block: Block): Readable {
  const decoders = block.signals.map((signal) => [signal.name, decoderOf(signal, block.address)] as const);
  return { block, decoders, isTold: false };
}

function nullsOf(one: Readable, t: number): Observation[] {
  if (one.isTold) return [];
  one.isTold = true;
  return one.block.signals.map(({ name }) => ({ signal: name, t, ns: 0, v: null, q: 'bad' }));
}
