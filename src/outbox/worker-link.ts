import { Worker } from 'node:worker_threads';
import { Fault, messageOf } from '../errors.ts';
import type { Watched } from './guard.ts';
import { type Answer, type Call, type Calls, type Envelope, faultFrom, type RequestOf } from './protocol.ts';

/**
 * The thread holds one group of appends and its own cache at a time; the backlog stays on the disk. The old generation has no limit: with
 * any below 2 GiB V8 collects three times as often, and a drain takes a quarter longer (docs/decisions/023-drain.md).
 */
const LIMITS = { maxYoungGenerationSizeMb: 4 };

interface Waiter {
  /** When it was asked, `performance.now()`. */
  readonly since: number;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Starts the outbox's thread. It watches over the main one where it is told how. */
export function startWorker(watched?: Watched): WorkerLink {
  // The extension is the one this file runs with: `.ts` from source, `.js` from dist/.
  const file = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
  // No execArgv: what the main thread preloads (`--import`) would only cost this one memory.
  return new WorkerLink(
    new Worker(file, { name: 'outbox', execArgv: [], resourceLimits: LIMITS, workerData: { watched } }),
  );
}

/** Typed calls to the worker. */
export class WorkerLink {
  /** Rejects with a Fault of ours when the thread dies, or with what `fail` was given. */
  readonly failed: Promise<never>;
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  readonly #reject: (fault: Fault) => void;
  #fault: Fault | undefined;
  #lastId = 0;
  /** When it answered last, `performance.now()`. */
  #answeredAt = 0;

  constructor(worker: Worker) {
    const { promise, reject } = Promise.withResolvers<never>();
    this.failed = promise;
    this.#reject = reject;
    // Whoever races it hears of it; where nobody does, the calls reject.
    promise.catch(() => undefined);
    this.#worker = worker;
    worker.on('message', (answer: Answer) => this.#take(answer));
    worker.on('error', (error) => this.fail(died(messageOf(error), error)));
    worker.on('exit', (code) => this.fail(died(`exit code ${code}`)));
  }

  /**
   * Resolves with the worker's answer.
   * @throws Fault as the worker threw it, or of ours when the thread is gone
   */
  call<C extends Call>(request: RequestOf<C>): Promise<Calls[C]['reply']> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiters.set(id, { since: performance.now(), resolve, reject });
    this.#worker.postMessage({ id, request } as Envelope);
    return promise as Promise<Calls[C]['reply']>;
  }

  /** Milliseconds without any answer since the oldest call was made that waits for one; null: none waits. */
  get unanswered(): number | null {
    for (const { since } of this.#waiters.values()) return performance.now() - Math.max(since, this.#answeredAt);
    return null;
  }

  /** Rejects all calls, those to come too. The first fault stays. */
  fail(fault: Fault): void {
    if (this.#fault !== undefined) return;
    this.#fault = fault;
    for (const { reject } of this.#waiters.values()) reject(fault);
    this.#waiters.clear();
    this.#reject(fault);
  }

  /** Ends the thread. An orderly end is no failure: `failed` stays pending. */
  async stop(): Promise<void> {
    this.#worker.removeAllListeners('exit');
    await this.#worker.terminate();
  }

  #take(answer: Answer): void {
    this.#answeredAt = performance.now();
    const waiter = this.#waiters.get(answer.id);
    this.#waiters.delete(answer.id);
    if ('value' in answer) {
      waiter?.resolve(answer.value);
      return;
    }
    const fault = faultFrom(answer.fault);
    waiter?.reject(fault);
    if (answer.isFinal) this.fail(fault);
  }
}

function died(why: string, cause?: unknown): Fault {
  return new Fault('us', `the outbox thread died: ${why}`, {
    cause,
    hint: 'restart the gateway; what was committed is safe, the rest is read again from the machines',
  });
}
