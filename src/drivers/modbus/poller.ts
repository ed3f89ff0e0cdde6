import { setTimeout as sleep } from 'node:timers/promises';
import { explain, Fault } from '../../errors.ts';
import type { MachineEvent, Observation } from '../../observation.ts';
import type { DriverContext } from '../driver.ts';
import { StateFromRule } from '../state-rule.ts';
import { Asker } from './asker.ts';
import { toCursor } from './cursor.ts';
import { LinkDown } from './errors.ts';
import type { LinkClient } from './link.ts';
import { type Loss, Losses } from './losses.ts';
import type { PollGroup } from './poll-group.ts';
import type { ReadingQueue } from './reading-queue.ts';
import { Schedule } from './schedule.ts';
import type { ModbusSettings } from './settings.ts';
import type { Statistics } from './statistics.ts';
import { linkText, type ModbusAddress } from './url.ts';

export interface PollerOptions {
  readonly address: ModbusAddress;
  readonly settings: ModbusSettings;
  readonly groups: readonly PollGroup[];
  readonly client: LinkClient;
  readonly queue: ReadingQueue;
  readonly context: DriverContext;
  readonly statistics: Statistics;
  /** What was lost before this start and is not told yet. */
  readonly lost: readonly Loss[];
}

/** Polls one machine by its schedules and knows whether it is there. What it reads goes into the queue. */
export class Poller {
  readonly #options: PollerOptions;
  readonly #signal: AbortSignal;
  readonly #asker: Asker;
  readonly #losses = new Losses();
  readonly #state: StateFromRule | undefined;
  /** Undefined until it has answered, or failed to. */
  #presence: 'here' | 'lost' | undefined;

  constructor(options: PollerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    const { client, settings, statistics, context } = options;
    const { timeout, retries } = settings;
    const damaged = () => context.sign?.('unreadable');
    this.#asker = new Asker({ client, timeout, retries, statistics, damaged }, signal);
    this.#state = settings.state && new StateFromRule(settings.state);
    for (const loss of options.lost) this.#losses.note(loss);
  }

  /** Polls until the signal aborts, and then rejects with its reason. */
  async run(): Promise<void> {
    await Promise.all(this.#options.groups.map((group) => this.#follow(group)));
  }

  /** Each group keeps its own schedule; the link puts their requests in turn. */
  async #follow(group: PollGroup): Promise<void> {
    const { queue, statistics, context } = this.#options;
    const schedule = new Schedule(performance.now(), group.every);
    for (;;) {
      const { at, missed } = schedule.next(performance.now());
      if (missed > 0) this.#miss(group, missed);
      const wait = at - performance.now();
      if (wait > 0) await sleep(wait, undefined, { signal: this.#signal });
      this.#signal.throwIfAborted();
      if (queue.isFull) {
        this.#miss(group, 1);
        continue;
      }
      const begun = performance.now();
      await this.#poll(group);
      context.sign?.('turn');
      statistics.polls += 1;
      statistics.cycles.add((performance.now() - begun) / group.every);
    }
  }

  async #poll(group: PollGroup): Promise<void> {
    const { client, settings, statistics } = this.#options;
    const admission = client.breaker.admit(performance.now());
    if (admission !== 'poll' && !(admission === 'probe' && (await this.#probe(group)))) {
      statistics.missed += 1;
      this.#losses.note({ cause: 'link-down', from: group.lastGood, count: group.size });
      // Another machine on the same unit may have found it out.
      if (admission === 'wait') this.#lose(new Error('it does not answer'));
      return;
    }
    const isLost = () => client.breaker.state !== 'closed';
    const from = group.lastGood;
    const { missed, silence } = await group.poll(this.#asker, settings.requestsInFlight, isLost, this.#emit);
    if (missed > 0) {
      statistics.missed += 1;
      this.#losses.note({ cause: 'link-down', from, count: missed });
    }
    if (silence !== undefined && (silence instanceof LinkDown || isLost())) this.#lose(silence);
  }

  /** Whether the unit is back. */
  async #probe(group: PollGroup): Promise<boolean> {
    const signal = group.probe;
    if (signal === undefined) return true;
    const outcome = await this.#asker.probe({ table: signal.table, address: signal.address, size: 1 });
    if (outcome.kind === 'silent' || outcome.kind === 'down') this.#lose(outcome.error);
    return outcome.kind === 'data' || outcome.kind === 'refused';
  }

  /** Deadlines that passed while there was no time for them, or no room for what they would give. */
  #miss(group: PollGroup, polls: number): void {
    this.#options.statistics.missed += polls;
    const cause = this.#presence === 'lost' ? 'link-down' : 'poll-skipped';
    this.#losses.note({ cause, from: group.lastGood, count: polls * group.size });
  }

  /** Bound, as it is handed to the groups. */
  readonly #emit = (observations: Observation[], events: MachineEvent[], t: number, isData: boolean): void => {
    let all = observations;
    const told: MachineEvent[] = [];
    if (isData) {
      this.#options.context.sign?.('answer');
      const isReturn = this.#presence !== 'here';
      if (isReturn) {
        this.#presence = 'here';
        told.push({ type: 'driver', t, state: 'polling' });
        all = [{ signal: 'available', t, ns: 0, v: true, q: 'good' }, ...observations];
      }
      told.push(...this.#losses.settle(t, isReturn));
    }
    this.#push(all, [...told, ...events], isData ? t : undefined);
  };

  /** The machine is lost: told once, with nothing known of it from now on. */
  #lose(error: Error): void {
    if (this.#presence === 'lost') return;
    this.#presence = 'lost';
    const { address, groups, context } = this.#options;
    const t = context.clock.now();
    const why = error.cause instanceof Fault ? explain(error.cause) : error.message;
    const message = `${linkText(address)}: ${why}`;
    const observations: Observation[] = [{ signal: 'available', t, ns: 0, v: false, q: 'good' }];
    this.#push(
      [...observations, ...groups.flatMap((group) => group.nulls(t))],
      [{ type: 'driver', t, state: 'failed', message }],
    );
  }

  #push(observations: Observation[], events: MachineEvent[], polled?: number): void {
    const all = this.#state === undefined ? observations : [...observations, ...this.#state.derive(observations)];
    this.#options.queue.push({
      origin: this.#options.context.clock.origin(),
      observations: all,
      ...(events.length === 0 ? {} : { events }),
      ...(polled === undefined ? {} : { cursor: toCursor({ polled, lost: this.#losses.pending }) }),
    });
  }
}
