import type { ApiSignal, ApiState } from '../api.ts';
import { gatewayClient, livePath, Refused } from './gateway-client.ts';

/** The gateway tells its state once a second: after so long a silence the connection is taken for dead. */
const SILENCE_MS = 6000;
const RETRY_MS = { first: 1000, most: 10_000 };

export interface LiveListener {
  readonly onState: (state: ApiState) => void;
  /** `all`: these are all signals of the machine, not only those that changed. */
  readonly onSignals: (signals: readonly ApiSignal[], all: boolean) => void;
  /** Nothing comes any more; it is tried again. */
  readonly onLost: () => void;
  /** The gateway wants a token: nothing is tried until the next `watch`. */
  readonly onSignInWanted: () => void;
}

/** Server-sent events, kept alive: also where a connection dies without a word, as on a phone that walks away. */
export class Live {
  readonly #listener: LiveListener;
  #source: EventSource | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #machine: string | undefined;
  #retry = RETRY_MS.first;
  #isPaused = false;

  constructor(listener: LiveListener) {
    this.#listener = listener;
  }

  /** Connects, and watches the signals of this machine. */
  watch(machine: string | undefined): void {
    this.#machine = machine;
    this.#open();
  }

  /** Nobody looks: the gateway need not tell anything. */
  pause(): void {
    this.#isPaused = true;
    this.#close();
  }

  resume(): void {
    this.#isPaused = false;
    this.#open();
  }

  #open(): void {
    this.#close();
    if (this.#isPaused) return;
    const source = new EventSource(livePath(this.#machine));
    this.#source = source;
    let all = true;
    source.addEventListener('state', ({ data }) => {
      this.#heard();
      this.#listener.onState(JSON.parse(data) as ApiState);
    });
    source.addEventListener('signals', ({ data }) => {
      this.#heard();
      this.#listener.onSignals(JSON.parse(data) as ApiSignal[], all);
      all = false;
    });
    source.addEventListener('error', () => this.#lost());
    this.#expect(() => this.#lost(), SILENCE_MS);
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#source?.close();
    this.#source = undefined;
  }

  #heard(): void {
    this.#retry = RETRY_MS.first;
    this.#expect(() => this.#lost(), SILENCE_MS);
  }

  #lost(): void {
    this.#close();
    if (this.#isPaused) return;
    this.#listener.onLost();
    this.#expect(() => void this.#again(), this.#retry);
    this.#retry = Math.min(this.#retry * 2, RETRY_MS.most);
  }

  /** An event source does not tell why it was refused: a plain request does. */
  async #again(): Promise<void> {
    try {
      const { machines } = await gatewayClient.state();
      // One that is no longer configured cannot be watched.
      if (!machines.some(({ id }) => id === this.#machine)) this.#machine = undefined;
    } catch (error) {
      if (error instanceof Refused && error.status === 401) this.#listener.onSignInWanted();
      else if (this.#source === undefined) this.#lost();
      return;
    }
    if (this.#source === undefined) this.#open();
  }

  #expect(then: () => void, ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, ms);
  }
}
