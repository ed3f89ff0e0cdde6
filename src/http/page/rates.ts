import type { ApiState } from '../api.ts';

/** Rates are means over about so long. */
const WINDOW_MS = 10_000;

interface Sample {
  readonly t: number;
  readonly uptime: number;
  readonly observations: number;
  readonly acknowledged: number;
}

/** How fast the gateway's totals grow, from one state to another. */
export class Rates {
  #samples: Sample[] = [];

  add({ t, uptime, machines, uplink }: ApiState): void {
    const last = this.#samples.at(-1);
    // A gateway that was started again counts from nothing.
    if (last !== undefined && uptime < last.uptime) this.#samples = [];
    const observations = machines.reduce((sum, machine) => sum + machine.observations, 0);
    this.#samples.push({ t, uptime, observations, acknowledged: uplink?.acknowledged ?? 0 });
    while (this.#samples.length > 2 && uptime - (this.#samples[0]?.uptime ?? uptime) > WINDOW_MS) this.#samples.shift();
  }

  /** Observations read in a second. */
  get observations(): number {
    return this.#perSecond('observations');
  }

  /** Batches acknowledged in a second. */
  get acknowledged(): number {
    return this.#perSecond('acknowledged');
  }

  #perSecond(of: 'observations' | 'acknowledged'): number {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.uptime <= first.uptime) return 0;
    return Math.max(0, ((last[of] - first[of]) * 1000) / (last.uptime - first.uptime));
  }
}
