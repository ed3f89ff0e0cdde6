import { setTimeout as sleep } from 'node:timers/promises';
import { explain, Fault } from '../../errors.ts';
import type { MachineEvent, Reading } from '../../observation.ts';
import type { DriverContext } from '../driver.ts';
import { type AgentClient, Refusal, type SampleRequest, type StreamPart } from './agent.ts';
import type { ClockSkew } from './clock-skew.ts';
import { type StreamsDocument, UnreadableDocument } from './document.ts';
import { BufferForecast } from './forecast.ts';
import type { Session } from './session.ts';
import type { MtconnectSettings } from './settings.ts';
import type { Running } from './vitals.ts';

/** Documents of a stream in a row that leave a backlog with the agent, after which it is fetched without pause. */
const LAGGING_DOCUMENTS = 3;
/** Refusals of our position in a row that are no accident. */
const MAX_REFUSALS = 3;

/** Before a document that could not be read is asked for again. */
const UNREADABLE_PAUSE_MS = 100;
/** Attempts at a single observation that cannot be read, before it is given up as lost. */
const UNREADABLE_ATTEMPTS = 3;

/** Where a document could not be read: fewer and fewer observations are asked for, down to the one that spoils it. */
interface Spoiled {
  readonly from: number;
  readonly count: number;
  /** How often the single observation was asked for. */
  readonly attempts: number;
}

/** What the driver keeps from one connection to the next. */
export interface Habits {
  readonly skew: ClockSkew;
  /** Streaming is not tried before this time, in milliseconds since the epoch. */
  streamBarredUntil: number;
  /** Why. */
  barReason: string | undefined;
  spoiled: Spoiled | undefined;
}

export interface FollowOptions {
  readonly client: AgentClient;
  readonly session: Session;
  readonly settings: MtconnectSettings;
  readonly context: DriverContext;
  readonly habits: Habits;
}

/**
 * Reads on and on: fetches what the agent has without pause until nothing is left, then streams or polls, and fetches
 * again whenever that falls behind. Ends only by throwing.
 */
export class Follower {
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  readonly #forecast = new BufferForecast();
  #state: 'streaming' | 'polling' | undefined;
  #isRiskTold = false;
  /** OUT_OF_RANGE in a row: once may be a roll in between, but it must not go on for ever. */
  #pollRefusals = 0;
  #streamRefusals = 0;
  /** Milliseconds that the last poll took. */
  #roundTrip = 0;

  constructor(options: FollowOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** How it goes now. */
  get running(): Running {
    const { session, settings, habits } = this.#options;
    const { agentVersion, schemaVersion } = session.versions;
    return {
      agentVersion,
      schemaVersion,
      state: this.#state,
      barReason: habits.barReason,
      mode: settings.mode,
      forecast: this.#forecast,
      roundTrip: this.#roundTrip,
      skew: habits.skew.last,
    };
  }

  async *run(): AsyncGenerator<Reading> {
    for (;;) {
      while (!(yield* this.#poll()));
      if (this.#mayStream) yield* this.#stream();
      else yield* this.#pollOn();
    }
  }

  get #now(): number {
    return this.#options.context.clock.now();
  }

  get #mayStream(): boolean {
    const { settings, habits } = this.#options;
    return settings.mode === 'stream' || (settings.mode === 'auto' && this.#now >= habits.streamBarredUntil);
  }

  /** Asks once for what comes next; true when nothing is left. */
  async *#poll(): AsyncGenerator<Reading, boolean> {
    const { client, session, habits } = this.#options;
    if (habits.spoiled?.from !== session.from) habits.spoiled = undefined;
    const count = habits.spoiled?.count ?? session.count;
    const request = { device: session.path, from: session.from, count };
    const begun = performance.now();
    let document: StreamsDocument;
    try {
      document = await client.sample(request, this.#signal);
      this.#pollRefusals = 0;
    } catch (error) {
      if (error instanceof UnreadableDocument && session.isAhead(error)) {
        yield* this.#narrow(error, request);
        return false;
      }
      if (!(error instanceof Refusal && error.isOutOfRange)) throw error;
      this.#pollRefusals += 1;
      if (this.#pollRefusals >= MAX_REFUSALS) throw error;
      yield* session.relocate();
      return false;
    }
    this.#roundTrip = performance.now() - begun;
    yield* this.#note(document);
    if ((yield* session.digest(document)) === 'moved') return false;
    const isLevel = this.#backlog(document) <= 0;
    if (!isLevel && session.from === request.from) {
      throw new Fault('machine', `${client.url}: the agent has more, but does not get beyond sequence ${request.from}`);
    }
    return isLevel;
  }

  /**
   * A document that cannot be read holds one observation that spoils it (a raw `<` in an alarm text, say). Asks for
   * fewer until that one is alone, and passes over it when it stays unreadable: a gap says so, and the rest goes on.
   */
  async *#narrow(error: UnreadableDocument, { from, count }: SampleRequest): AsyncGenerator<Reading> {
    const { habits, session, context } = this.#options;
    context.sign?.('unreadable');
    if (habits.spoiled === undefined)
      context.log.debug(`${explain(error)}. Looking for the observation that spoils it`);
    await sleep(UNREADABLE_PAUSE_MS, undefined, { signal: this.#signal });
    if (count > 1) {
      habits.spoiled = { from, count: Math.ceil(count / 4), attempts: 0 };
      return;
    }
    const attempts = (habits.spoiled?.attempts ?? 0) + 1;
    habits.spoiled = { from, count, attempts };
    if (attempts < UNREADABLE_ATTEMPTS) return;
    context.log.debug(`the observation at sequence ${from} cannot be read: it is passed over`);
    yield session.skip(error);
  }

  /** Polls until streaming may be tried (again). */
  async *#pollOn(): AsyncGenerator<Reading> {
    const { settings, habits } = this.#options;
    yield* this.#enter('polling', settings.mode === 'auto' ? habits.barReason : undefined);
    while (!this.#mayStream) {
      const begun = performance.now();
      const isLevel = yield* this.#poll();
      const rest = this.#forecast.period(settings.pollInterval) - (performance.now() - begun);
      if (isLevel && rest > 0) await sleep(rest, undefined, { signal: this.#signal });
    }
  }

  /** Streams until it falls behind. Where the agent cannot stream, it is barred for a while and polling follows. */
  async *#stream(): AsyncGenerator<Reading> {
    const { client, session, settings } = this.#options;
    const interval = Math.round(this.#forecast.period(settings.interval));
    const heartbeat = Math.max(1, Math.round(settings.heartbeat));
    const request = { device: session.path, from: session.from, count: session.count, interval, heartbeat };
    // No answer at all is a fault of the link and no refusal to stream.
    const stream = await client.openStream(request, this.#signal);
    try {
      const parts = stream.parts();
      let part = await this.#firstPart(parts);
      if (part === undefined) return;
      if (stream.isMultipart) yield* this.#enter('streaming');
      for (let lagging = 0; part !== undefined; part = await nextOf(parts)) {
        if (part.waited >= interval / 2) yield* this.#note(part.document);
        if ((yield* session.digest(part.document)) === 'moved') return;
        lagging = this.#backlog(part.document) > 0 ? lagging + 1 : 0;
        if (lagging >= LAGGING_DOCUMENTS || this.#isTooSlow(interval, lagging > 0)) return;
      }
      if (!stream.isMultipart)
        this.#bar(new Fault('machine', 'the agent answers a stream request with a single document'));
    } finally {
      stream.close();
    }
  }

  /** Whether the agent's buffer could roll over between two documents of a stream. */
  #isTooSlow(interval: number, isBehind: boolean): boolean {
    const due = this.#forecast.period(interval);
    return due < (isBehind ? interval : interval / 2);
  }

  /** The first document of a stream; undefined where none will come, whatever the reason. */
  async #firstPart(parts: AsyncGenerator<StreamPart>): Promise<StreamPart | undefined> {
    try {
      const part = await nextOf(parts);
      this.#streamRefusals = 0;
      return part;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#streamRefusals += 1;
      // The next poll finds out what spoils it, or that the buffer has rolled over since the last one.
      const isForPoll = error instanceof UnreadableDocument || (error instanceof Refusal && error.isOutOfRange);
      if (!isForPoll || this.#streamRefusals >= MAX_REFUSALS) this.#bar(error);
      return undefined;
    }
  }

  /** @throws the error where the config wants nothing but streaming */
  #bar(error: unknown): void {
    const { settings, habits } = this.#options;
    if (settings.mode === 'stream') throw error;
    habits.streamBarredUntil = this.#now + settings.streamRetry;
    habits.barReason = explain(error);
    this.#streamRefusals = 0;
  }

  async *#enter(state: 'streaming' | 'polling', message?: string): AsyncGenerator<Reading> {
    if (state === 'streaming') this.#options.habits.barReason = undefined;
    if (state === this.#state) return;
    this.#state = state;
    const t = this.#now;
    const events: MachineEvent[] = [
      message === undefined ? { type: 'driver', t, state } : { type: 'driver', t, state, message },
    ];
    if (message !== undefined) {
      const notice = `cannot stream, so it polls and tries again later: ${message}`;
      events.push({ type: 'notice', t, code: 'stream-fallback', message: notice });
    }
    yield { observations: [], events };
  }

  /** Observations that the agent has beyond what was read. */
  #backlog({ header }: StreamsDocument): number {
    return header.lastSequence + 1 - this.#options.session.from;
  }

  /** Compares clocks and forecasts the agent's buffer by a document that has just arrived. */
  async *#note({ header }: StreamsDocument): AsyncGenerator<Reading> {
    const events: MachineEvent[] = [];
    const skew = header.creationTime && this.#options.habits.skew.note(header.creationTime, this.#now);
    if (skew) events.push(skew);
    this.#forecast.note(header, performance.now());
    const isAtRisk = this.#forecast.isAtRisk(this.#roundTrip);
    if (isAtRisk && !this.#isRiskTold) {
      const message = `${this.#forecast.describe()}, faster than it can be read safely: raise the agent’s BufferSize`;
      events.push({ type: 'notice', t: this.#now, code: 'buffer-overflow-risk', message });
    }
    this.#isRiskTold ||= isAtRisk;
    if (events.length > 0) yield { observations: [], events };
  }
}

async function nextOf<T>(generator: AsyncGenerator<T>): Promise<T | undefined> {
  const { value, done } = await generator.next();
  return done === true ? undefined : value;
}
