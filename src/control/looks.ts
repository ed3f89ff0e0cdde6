import { setTimeout as sleep } from 'node:timers/promises';
import { codeOf, Fault } from '../errors.ts';
import type { ApiState } from '../http/api.ts';

const EVERY_MS = 1000;

/** How a gateway was, or why that is not known. Times are monotonic milliseconds. */
export interface Look {
  readonly look: ApiState | Fault;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/**
 * Asks a running gateway how it is once a second, until `signal` aborts. That it does not run is an answer, too; while it
 * does not answer nothing more is asked, and that is told once a second. @throws what is a bug
 */
export async function* looks(ask: () => Promise<ApiState>, signal: AbortSignal): AsyncGenerator<Look> {
  const pause = (ms: number) => sleep(ms, undefined, { signal }).catch(() => undefined);
  while (!signal.aborted) {
    const askedAt = performance.now();
    const answer = ask().catch(faultOf);
    for (let look: ApiState | Fault | undefined; look === undefined; ) {
      look = (await Promise.race([answer, pause(EVERY_MS)])) ?? undefined;
      if (signal.aborted) return;
      const answeredAt = performance.now();
      yield { look: look ?? silent(answeredAt - askedAt), askedAt, answeredAt };
    }
    await pause(EVERY_MS - (performance.now() - askedAt));
  }
}

function silent(ms: number): Fault {
  return new Fault('us', `the gateway has not answered for ${Math.round(ms / 1000)} s`, { hint: 'look at its log' });
}

/** A gateway that ends in the middle of an answer is told as one that does not run. */
function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  if (codeOf(error) === undefined) throw error;
  return new Fault('us', `the gateway cannot be asked (${codeOf(error)})`, { cause: error });
}
