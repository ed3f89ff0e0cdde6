import { Fault } from '../../errors.ts';
import type { Cursor, MachineModel, Reading } from '../../observation.ts';
import type { Driver, DriverContext, Vital } from '../driver.ts';
import { type Position, positionOf } from './cursor.ts';
import type { LinkClient } from './link.ts';
import type { Links } from './links.ts';
import type { Loss } from './losses.ts';
import { PollGroup } from './poll-group.ts';
import { Poller } from './poller.ts';
import { ReadingQueue } from './reading-queue.ts';
import type { ModbusSettings } from './settings.ts';
import { type ModbusSignal, resolveSignals, sourceText } from './signals.ts';
import { Statistics } from './statistics.ts';
import { linkText, parseModbusUrl } from './url.ts';
import { vitalsOf } from './vitals.ts';

/** A stop that was shorter than so many of the shortest intervals lost nothing that a schedule would have given. */
const TOLERATED_INTERVALS = 3;

/** Requests that a round may wait for in vain, on a line that others use as well. */
const PATIENT_REQUESTS = 100;

/** What `vitals` looks at while the driver runs. */
interface Running {
  readonly groups: readonly PollGroup[];
  readonly client: LinkClient;
  readonly statistics: Statistics;
}

/**
 * Polls one unit by its schedules. A device keeps nothing, so the polls go on by the clock, and what they give waits in a
 * bounded queue to be pulled; when that is full, polls are skipped and told as a gap. A unit that does not answer is waited
 * for in here, so that `observe` ends by nothing but the abort, or a config that cannot be read. The cursor is the time of
 * the last poll, and what is lost and not yet told: what lies between it and the next start is told as a gap of unknown size.
 */
export class ModbusDriver implements Driver {
  readonly #settings: ModbusSettings;
  readonly #context: DriverContext;
  readonly #links: Links;
  #running: Running | undefined;
  /** Asked for every second: it is found once. */
  readonly patience: number;

  constructor(settings: ModbusSettings, context: DriverContext, links: Links) {
    this.#settings = settings;
    this.#context = context;
    this.#links = links;
    const pauses = resolveSignals(settings).signals.map(({ every }) => every);
    this.patience = Math.max(settings.poll, ...pauses) + PATIENT_REQUESTS * settings.timeout;
  }

  async *observe(from: Cursor | undefined, signal: AbortSignal): AsyncGenerator<Reading> {
    signal.throwIfAborted();
    const settings = this.#settings;
    const { signals, problems } = resolveSignals(settings);
    const [problem] = problems;
    if (problem !== undefined) throw new Fault('config', `signals.${problem.signal}: ${problem.message}`);
    const groups = this.#group(signals);
    const address = parseModbusUrl(settings.url);
    const queue = new ReadingQueue();
    const statistics = new Statistics();
    const client = this.#links.attach(address, settings, { breaker: settings.breaker, clock: this.#context.clock });
    const stop = new AbortController();
    const stopped = AbortSignal.any([signal, stop.signal]);
    const lost = this.#lost(positionOf(from), groups);
    const options = { address, settings, groups, client, queue, context: this.#context, statistics, lost };
    this.#running = { groups, client, statistics };
    const polling = new Poller(options, stopped).run().catch((error) => stop.abort(error));
    try {
      yield {
        origin: this.#context.clock.origin(),
        observations: [],
        events: [this.#model(signals, linkText(address))],
      };
      for (;;) yield await queue.take(stopped);
    } finally {
      stop.abort();
      client.release();
      this.#running = undefined;
      await polling;
    }
  }

  vitals(): readonly Vital[] {
    return this.#running === undefined ? [] : vitalsOf(this.#running);
  }

  /** Signals with the same interval are polled together; the shortest comes first. */
  #group(signals: readonly ModbusSignal[]): PollGroup[] {
    const { settings, clock } = { settings: this.#settings, clock: this.#context.clock };
    const byInterval = Map.groupBy(signals, ({ every }) => every);
    return [...byInterval]
      .toSorted(([a], [b]) => a - b)
      .map(([every, own]) => new PollGroup({ signals: own, limits: settings, every, now: () => clock.now() }));
  }

  /** What must be told of the time before this start. */
  #lost(before: Position | undefined, groups: readonly PollGroup[]): readonly Loss[] {
    if (before === undefined) return [];
    const shortest = groups[0]?.every ?? 0;
    const now = this.#context.clock.now();
    // A clock that was set back meanwhile hides how long it was.
    const isLong = now < before.polled || now - before.polled > TOLERATED_INTERVALS * shortest;
    const from = Math.min(before.polled, now);
    return isLong ? [...before.lost, { cause: 'link-down', from, count: null }] : before.lost;
  }

  #model(signals: readonly ModbusSignal[], link: string): MachineModel {
    const described = signals.map(({ unit, type, order, size, ...signal }) => [
      signal.name,
      {
        ...(unit === undefined ? {} : { unit }),
        source: sourceText({ unit, type, order, size, ...signal } as ModbusSignal),
        type: size > 1 ? `${type} ${order}` : type,
      },
    ]);
    return {
      type: 'machine',
      t: this.#context.clock.now(),
      model: { protocol: 'Modbus', link },
      signals: Object.fromEntries(described),
    };
  }
}
