import { explain } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { ApiState } from '../api.ts';
import type { SharedState } from '../shared-state.ts';
import type { GatewayView } from '../view.ts';
import { single } from './metric.ts';
import { COUNTER_METRICS, LAG } from './of-counters.ts';
import { STATE_METRICS } from './of-state.ts';
import { PROCESS_METRICS, ProcessWatch } from './process-figures.ts';

/** Whether the gateway's state can be had; its metrics have no series while it cannot. */
const READABLE = [
  single('gauge', 'edge_gateway_buffer_readable', 'Whether the buffer can be read', (is: boolean) => is),
];

/** A scrape is told again for so long, so that many of them cost little. */
const FRESH_MS = 1000;

/** The gateway's metrics in the text format of Prometheus (docs/metrics.md). Costs nothing until somebody asks. */
export class Metrics implements Disposable {
  readonly #state: SharedState;
  readonly #view: GatewayView;
  readonly #log: Log;
  readonly #process = new ProcessWatch();
  /** Labels of every series. */
  #identity: Readonly<Record<string, string>> | undefined;
  #text: Promise<string> | undefined;
  #madeAt = 0;

  constructor(state: SharedState, view: GatewayView, log: Log) {
    this.#state = state;
    this.#view = view;
    this.#log = log;
  }

  /** @throws Fault when the gateway's state cannot be had and never could since the start */
  text(): Promise<string> {
    const now = performance.now();
    if (this.#text === undefined || now - this.#madeAt >= FRESH_MS) {
      this.#madeAt = now;
      this.#text = this.#scrape();
    }
    return this.#text;
  }

  [Symbol.dispose](): void {
    this.#process[Symbol.dispose]();
  }

  async #scrape(): Promise<string> {
    const [{ Exposition }, state, figures] = await Promise.all([
      import('./exposition.ts'),
      this.#stateIfKnown(),
      this.#process.figures(),
    ]);
    const counters = this.#view.counters();
    const exposition = new Exposition(this.#identity ?? {});
    exposition.add(READABLE, state !== undefined);
    exposition.add(STATE_METRICS, state);
    exposition.add(COUNTER_METRICS, counters);
    exposition.add(PROCESS_METRICS, figures);
    exposition.addHistogram(LAG.name, LAG.help, counters.lag);
    return exposition.text();
  }

  async #stateIfKnown(): Promise<ApiState | undefined> {
    try {
      const state = await this.#state.now();
      this.#identity = { tenant: state.tenant, gateway: state.gateway };
      return state;
    } catch (error) {
      if (this.#identity === undefined) throw error;
      this.#log.debug(`metrics without those of the buffer: ${explain(error)}`);
      return undefined;
    }
  }
}
