import { Backoff, type BackoffRange } from '../../backoff.ts';
import { Fault, messageOf } from '../../errors.ts';
import type { Breaker } from './breaker.ts';
import { LinkDown, NoAnswer } from './errors.ts';
import type { Reply, Transport } from './transport.ts';

/** Pause before a link that could not be opened, or that broke at once, is opened again. */
const RECONNECT: BackoffRange = { min: 500, max: 30_000 };
/** Requests of one client that may wait: each group of signals has at most 16 under way, so that more are a mistake of ours. */
const MAX_WAITING = 1024;
/** Timeouts in a row, of whatever units, after which a TCP connection is taken for dead and opened anew. */
const SUSPICIOUS_TIMEOUTS = 4;

/** How a client wants the link to be used; the strictest wish of all counts. */
export interface LinkWishes {
  /** Milliseconds between two requests. */
  readonly pause: number;
  readonly closeAfterRead: boolean;
  readonly requestsInFlight: number;
}

interface Job {
  readonly client: Client;
  readonly pdu: Buffer;
  readonly timeout: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** One unit as a machine uses it. */
export interface LinkClient {
  /** Shared with everyone on the same unit. */
  readonly breaker: Breaker;
  /** Nobody uses the link for another unit. */
  readonly isAlone: boolean;
  /**
   * Queues a request and resolves with the answer. The time in the queue does not count.
   * @throws NoAnswer, BadAnswer, LinkDown
   */
  request(pdu: Buffer, timeout: number): Promise<Reply>;
  /** What waits or is under way is given up; the last client closes the link. */
  release(): void;
}

/** A client's queue. The one that was served longest ago comes next, so that no unit waits for more than one request of each other. */
interface Client {
  readonly unit: number;
  readonly breaker: Breaker;
  readonly wishes: LinkWishes;
  readonly jobs: Job[];
  /** Under way. */
  readonly running: Set<Job>;
}

/**
 * One wire and everyone who reads over it: opens it when it is needed, serves the units in turn, and opens it anew, with
 * backoff, when it broke. Made by `Links`.
 */
export class Link {
  readonly #open: (signal: AbortSignal) => Promise<Transport>;
  readonly #onIdle: () => void;
  readonly #backoff = new Backoff(RECONNECT);
  readonly #stop = new AbortController();
  /** In the order in which they are served next. */
  #clients: Client[] = [];
  #transport: Transport | undefined;
  #isOpening = false;
  #inFlight = 0;
  #timeouts = 0;
  /** Whether anyone has answered since it was opened. */
  #hasAnswered = false;
  /** Not opened, or not used, before this time of the monotonic clock. */
  #opensAt = 0;
  #readyAt = 0;
  #timer: NodeJS.Timeout | undefined;
  #fault: unknown;
  /** Units that may still answer late, until this time: they are not asked where the answer would be taken for another. */
  readonly #resting = new Map<number, number>();

  /** @param onIdle called when the last client has gone */
  constructor(open: (signal: AbortSignal) => Promise<Transport>, onIdle: () => void) {
    this.#open = open;
    this.#onIdle = onIdle;
  }

  /** That of everyone on a unit, as long as there is anyone. */
  breakerOf(unit: number): Breaker | undefined {
    return this.#clients.find((one) => one.unit === unit)?.breaker;
  }

  attach(unit: number, wishes: LinkWishes, breaker: Breaker): LinkClient {
    const client: Client = { unit, breaker, wishes, jobs: [], running: new Set() };
    this.#clients.push(client);
    const isAlone = () => this.#clients.every((one) => one.unit === unit);
    return {
      breaker,
      get isAlone() {
        return isAlone();
      },
      request: (pdu, timeout) => this.#request(client, pdu, timeout),
      release: () => this.#release(client),
    };
  }

  #request(client: Client, pdu: Buffer, timeout: number): Promise<Reply> {
    if (!this.#clients.includes(client)) return Promise.reject(new LinkDown('the link is no longer used'));
    if (client.jobs.length >= MAX_WAITING)
      return Promise.reject(new Fault('us', 'too many requests wait for the link'));
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    client.jobs.push({ client, pdu, timeout, resolve, reject });
    this.#serve();
    return promise;
  }

  #release(client: Client): void {
    if (!this.#clients.includes(client)) return;
    this.#clients = this.#clients.filter((one) => one !== client);
    // An answer that is still on its way is waited for by the transport alone: nobody is asked before it.
    const left = [...client.jobs.splice(0), ...client.running];
    for (const { reject } of left) reject(new LinkDown('the link is no longer used'));
    if (this.#clients.length > 0) return;
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.#transport?.close();
    this.#onIdle();
  }

  /** Starts what can be started now; called whenever that may have changed. */
  #serve(): void {
    clearTimeout(this.#timer);
    if (this.#isOpening || this.#stop.signal.aborted || this.#clients.every(({ jobs }) => jobs.length === 0)) return;
    if (this.#transport === undefined) {
      if (performance.now() < this.#opensAt) this.#failAll(this.#fault);
      else void this.#connect();
      return;
    }
    const limit = Math.min(this.#transport.maxInFlight, ...this.#clients.map(({ wishes }) => wishes.requestsInFlight));
    while (this.#inFlight < limit && this.#transport !== undefined) {
      const now = performance.now();
      const job = now < this.#readyAt ? undefined : this.#next(now);
      if (job === undefined) {
        this.#serveLater(now);
        return;
      }
      void this.#run(job, this.#transport);
    }
  }

  /** The next job by turns. */
  #next(now: number): Job | undefined {
    const index = this.#clients.findIndex(({ jobs, unit }) => jobs.length > 0 && now >= (this.#resting.get(unit) ?? 0));
    const [client] = index === -1 ? [] : this.#clients.splice(index, 1);
    if (client === undefined) return undefined;
    this.#clients.push(client);
    return client.jobs.shift();
  }

  /** Where only a pause or a unit at rest holds the queue up, it goes on by a timer. */
  #serveLater(now: number): void {
    const rests = this.#clients.filter(({ jobs }) => jobs.length > 0).map(({ unit }) => this.#resting.get(unit) ?? 0);
    if (rests.length === 0) return;
    const at = Math.max(this.#readyAt, Math.min(...rests));
    if (at > now) this.#timer = setTimeout(() => this.#serve(), Math.ceil(at - now));
  }

  async #run(job: Job, transport: Transport): Promise<void> {
    const { client, pdu, timeout, resolve, reject } = job;
    this.#inFlight += 1;
    client.running.add(job);
    try {
      const begun = performance.now();
      const answer = await transport.exchange(client.unit, pdu, timeout);
      this.#timeouts = 0;
      this.#backoff.reset();
      this.#hasAnswered = true;
      resolve({ ...answer, roundTrip: performance.now() - begun });
    } catch (error) {
      if (error instanceof NoAnswer) this.#noteTimeout(client.unit, timeout, transport);
      reject(error as Error);
    }
    this.#inFlight -= 1;
    client.running.delete(job);
    this.#readyAt = performance.now() + Math.max(...this.#clients.map(({ wishes }) => wishes.pause), 0);
    this.#closeIfWished();
    this.#serve();
  }

  #noteTimeout(unit: number, timeout: number, transport: Transport): void {
    if (transport.isAmbiguous) {
      const now = performance.now();
      for (const [rested, until] of this.#resting) if (until <= now) this.#resting.delete(rested);
      this.#resting.set(unit, now + timeout);
      return;
    }
    this.#timeouts += 1;
    if (this.#timeouts < SUSPICIOUS_TIMEOUTS) return;
    this.#timeouts = 0;
    transport.close();
  }

  /** Between two polls nothing is under way and nothing waits. */
  #closeIfWished(): void {
    const isIdle = this.#inFlight === 0 && this.#clients.every(({ jobs }) => jobs.length === 0);
    if (isIdle && this.#clients.some(({ wishes }) => wishes.closeAfterRead)) setImmediate(() => this.#closeWhenIdle());
  }

  /** A caller that asks on at once, block after block, has asked by now. */
  #closeWhenIdle(): void {
    if (this.#inFlight === 0 && this.#clients.every(({ jobs }) => jobs.length === 0)) this.#transport?.close();
  }

  async #connect(): Promise<void> {
    this.#isOpening = true;
    try {
      const transport = await this.#open(this.#stop.signal);
      if (this.#stop.signal.aborted) {
        transport.close();
        return;
      }
      this.#transport = transport;
      this.#hasAnswered = false;
      transport.onClose((reason) => this.#lost(reason));
    } catch (error) {
      this.#fault = error;
      this.#opensAt = performance.now() + this.#backoff.next();
      this.#failAll(error);
    } finally {
      this.#isOpening = false;
    }
    this.#serve();
  }

  /** The link broke, or was closed by us: the next request opens it again, after a pause where it keeps breaking. */
  #lost(reason: Error): void {
    this.#transport = undefined;
    this.#fault = reason;
    if (!this.#hasAnswered) this.#opensAt = performance.now() + this.#backoff.next();
    this.#timeouts = 0;
  }

  #failAll(cause: unknown): void {
    for (const { jobs } of this.#clients) {
      for (const { reject } of jobs.splice(0)) reject(new LinkDown(messageOf(cause), cause));
    }
  }
}
