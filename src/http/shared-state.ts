import { Fault } from '../errors.ts';
import type { ApiState } from './api.ts';
import type { GatewayView } from './view.ts';

/** A state is told again for so long: a bit less than the second in which viewers get a new one. */
const FRESH_MS = 900;
/** A card can stall for seconds. */
const PATIENCE_MS = 4000;

/** The gateway's state for all who ask: it is made about once a second at most, and once at a time. */
export class SharedState {
  readonly #view: GatewayView;
  readonly #patienceMs: number;
  #state: Promise<ApiState> | undefined;
  #askedAt = 0;
  #isPending = false;

  constructor(view: GatewayView, patienceMs = PATIENCE_MS) {
    this.#view = view;
    this.#patienceMs = patienceMs;
  }

  /** @throws Fault when the outbox cannot be read, or does not answer within some seconds */
  async now(): Promise<ApiState> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(stalled()), this.#patienceMs);
    try {
      return await Promise.race([this.#newest(), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #newest(): Promise<ApiState> {
    const now = performance.now();
    if (this.#state !== undefined && (this.#isPending || now - this.#askedAt < FRESH_MS)) return this.#state;
    this.#askedAt = now;
    this.#isPending = true;
    this.#state = this.#view.state().finally(() => {
      this.#isPending = false;
    });
    return this.#state;
  }
}

function stalled(): Fault {
  return new Fault('disk', 'the buffer does not answer', { hint: 'look at the card or disk (dmesg, smartctl)' });
}
