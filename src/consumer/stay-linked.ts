import { setTimeout as sleep } from 'node:timers/promises';
import { aborted } from '../abort.ts';
import { Backoff, type BackoffRange } from '../backoff.ts';
import { Fault } from '../errors.ts';
import { type ConsumerLink, type LinkOptions, type OnMessage, openLink } from './link.ts';

const BACKOFF: BackoffRange = { min: 500, max: 30_000 };
/** A link that lived so long was a good one: the next backoff starts small. */
const STABLE_MS = 10_000;

export interface StayLinkedOptions {
  readonly link: LinkOptions;
  readonly topics: readonly string[];
  /** Tries on also when the first connection fails. */
  readonly wait?: boolean | undefined;
  readonly backoff?: BackoffRange | undefined;
  readonly onMessage: OnMessage;
  /** The subscription stands: for the first time, or again. */
  readonly onUp: () => void;
  /** The connection was lost, or an attempt failed. */
  readonly onDown: (why: Fault) => void;
}

/**
 * The one owner of the connection: opens it, subscribes, and opens another one after a backoff when it is lost, until
 * `signal` aborts.
 * @throws Fault when the first connection or subscription fails and `wait` is not set, or when the options are wrong
 */
export async function stayLinked(options: StayLinkedOptions, signal: AbortSignal): Promise<void> {
  const { link: how, topics, wait = false, onMessage, onUp, onDown } = options;
  const backoff = new Backoff(options.backoff ?? BACKOFF);
  const stopped = aborted(signal);
  let wasUp = false;
  while (!signal.aborted) {
    let link: ConsumerLink | undefined;
    try {
      link = await openLink(how, onMessage, signal);
      await Promise.race([link.subscribe(topics), stopped]);
      if (signal.aborted) return;
      wasUp = true;
      const upAt = performance.now();
      onUp();
      const why = await Promise.race([link.closed, stopped]);
      if (why === undefined) return;
      if (performance.now() - upAt >= STABLE_MS) backoff.reset();
      onDown(why);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Fault) || error.of === 'config' || !(wasUp || wait)) throw error;
      onDown(error);
    } finally {
      await link?.end();
    }
    await sleep(backoff.next(), undefined, { signal }).catch(() => undefined);
  }
}
