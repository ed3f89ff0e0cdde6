import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '../abort.ts';
import { Backoff, type BackoffRange } from '../backoff.ts';
import { Bell } from '../bell.ts';
import type { Clock } from '../clock.ts';
import type { ChannelConfig } from '../config/channels.ts';
import { explain, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { NoticeQueue, StoredNotice } from '../outbox/local.ts';
import { type AlertNotice, type Channel, Refusal } from './channel.ts';
import { openChannel } from './open.ts';

/** Pause after an attempt that failed. */
const RETRY: BackoffRange = { min: 1000, max: 10 * 60_000 };
/** What could not be told for so long is old news. */
const MAX_AGE_MS = 24 * 3_600_000;
const HOUR_MS = 3_600_000;
/** Messages that may go out at once before the hourly rate counts: what a minute has, and as many at least. */
const MIN_BURST = 10;

export interface NotifierOptions {
  readonly queue: NoticeQueue;
  readonly channels: ReadonlyMap<string, ChannelConfig>;
  readonly log: Log;
  /** The clock of the queue. */
  readonly steady: Clock;
  readonly retry?: BackoffRange;
}

/**
 * Tells people what the queue holds. Each channel has its own loop, so that a dead one delays no other; within a channel
 * the order is that of the alerts, but for those that are tried again. Told at least once: after a kill between the receiver's
 * answer and its record, a message goes out again under the same key.
 */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #bells = new Map<string, Bell>();

  constructor(options: NotifierOptions) {
    this.#options = options;
    for (const name of options.channels.keys()) this.#bells.set(name, new Bell());
  }

  /** There is something new in the queue. */
  wake(): void {
    for (const bell of this.#bells.values()) bell.ring();
  }

  /** Runs until `signal` aborts; an attempt under way is given up then, and made again after the next start. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const loops = [...this.#options.channels].map(([name, config]) => this.#serve(name, config, signal));
    await Promise.all([this.#forgetOthers(signal), ...loops]);
  }

  /** Of channels that the config no longer has. */
  async #forgetOthers(signal: AbortSignal): Promise<void> {
    const { queue, channels, log } = this.#options;
    try {
      for (const name of await queue.noticeChannels()) {
        if (channels.has(name)) continue;
        const waiting = await queue.notices(name, Number.MAX_SAFE_INTEGER);
        for (const { id } of waiting) await queue.endNotice(id);
        log.warn(`${waiting.length} messages for the channel ${name} are given up: the config has it no longer`);
      }
    } catch (error) {
      if (!signal.aborted) log.warn(`notices cannot be read: ${explain(error)}`);
    }
  }

  async #serve(name: string, config: ChannelConfig, signal: AbortSignal): Promise<void> {
    const log = this.#options.log.child({ channel: name });
    const server = new ChannelServer(name, config, { ...this.#options, log });
    const bell = this.#bells.get(name) as Bell;
    while (!signal.aborted) {
      const wait = await server.step(signal).catch((error) => {
        // The disk cannot be read, or the outbox is closing.
        if (!signal.aborted) log.debug(`notices cannot be read: ${explain(error)}`);
        return RETRY.min;
      });
      if (wait === undefined) await untilAborted(bell.heard(), signal).catch(() => undefined);
      else if (wait > 0) await Promise.race([bell.heard(), pause(wait, signal)]);
    }
  }
}

interface ServerOptions extends Pick<NotifierOptions, 'queue' | 'steady' | 'log' | 'retry'> {}

/** One channel at its work. */
class ChannelServer {
  readonly #name: string;
  readonly #config: ChannelConfig;
  readonly #options: ServerOptions;
  readonly #channel: Channel;
  readonly #backoff: Backoff;
  readonly #burst: number;
  /** Messages that may go out now: grows with time, up to a burst. */
  #credit: number;
  #creditAt: number;
  #isTroubled = false;

  constructor(name: string, config: ChannelConfig, options: ServerOptions) {
    this.#name = name;
    this.#config = config;
    this.#options = options;
    this.#channel = openChannel(config, options.log);
    this.#backoff = new Backoff(options.retry ?? RETRY);
    this.#burst = Math.min(config.perHour, Math.max(MIN_BURST, config.perHour / 60));
    this.#credit = this.#burst;
    this.#creditAt = options.steady.now();
  }

  /** Milliseconds until the next step; undefined: when something comes. */
  async step(signal: AbortSignal): Promise<number | undefined> {
    const { queue, steady } = this.#options;
    const [next] = await queue.notices(this.#name, 1);
    if (next === undefined) return undefined;
    const now = steady.now();
    if (next.dueAt > now) return next.dueAt - now;
    if (now - next.createdAt > MAX_AGE_MS) {
      await queue.endNotice(next.id);
      this.#options.log.error(`a message is given up: it could not be told for a day (${next.body})`);
      return 0;
    }
    const wait = this.#untilCredit(now);
    if (wait > 0) return wait;
    this.#credit -= 1;
    await this.#tell(next, signal);
    return 0;
  }

  #untilCredit(now: number): number {
    const { perHour } = this.#config;
    const gained = ((now - this.#creditAt) * perHour) / HOUR_MS;
    this.#credit = Math.min(this.#burst, this.#credit + gained);
    this.#creditAt = now;
    return this.#credit >= 1 ? 0 : Math.ceil(((1 - this.#credit) * HOUR_MS) / perHour);
  }

  async #tell(stored: StoredNotice, signal: AbortSignal): Promise<void> {
    const { queue, log, steady } = this.#options;
    const notice: AlertNotice = JSON.parse(stored.body);
    if (notice.alert.state === 'resolved' && !this.#config.resolved) return queue.endNotice(stored.id);
    const timeout = AbortSignal.timeout(this.#config.timeout);
    try {
      const { Wording } = await import('./message.ts');
      const message = new Wording(this.#config.template).message(notice);
      await this.#channel.send(message, AbortSignal.any([signal, timeout]));
      if (this.#isTroubled) log.info('messages go out again');
      this.#isTroubled = false;
      this.#backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      if (!this.#isTroubled) log.warn(`a message cannot be told, and is tried again for a day: ${reason(error)}`);
      this.#isTroubled = true;
      await queue.delayNotice(stored.id, steady.now() + this.#delay(error));
      return;
    }
    await queue.endNotice(stored.id);
  }

  #delay(error: unknown): number {
    if (!(error instanceof Refusal)) return this.#backoff.next();
    return Math.max(error.retryAfter ?? 0, error.isPassing ? this.#backoff.next() : this.#backoff.far());
  }
}

function reason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : '';
  return `${messageOf(error)}${cause}`;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(Math.min(ms, HOUR_MS), undefined, { signal, ref: false }).catch(() => undefined);
}
