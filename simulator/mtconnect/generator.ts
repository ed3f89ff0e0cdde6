import { Cnc } from './cnc.ts';
import type { SimulatedDevice } from './device.ts';
import { itemsOf } from './device.ts';
import type { Micros } from './timestamp.ts';
import type { SimulatedValue } from './value.ts';

/** An observation that is due. */
export interface Due {
  /** Name of the device. */
  readonly device: string;
  /** Id of the data item. */
  readonly item: string;
  readonly value: SimulatedValue;
  readonly micros: Micros;
}

/**
 * Lets CNCs speak at a rate. How many observations are due follows from the time since `start`, so a late or missed tick
 * is made up for and the rate holds in the long run. Pure: the time is handed in.
 */
export class Generator {
  readonly #machines: readonly {
    readonly device: string;
    readonly ids: ReadonlyMap<string, string>;
    readonly cnc: Cnc;
  }[];
  readonly #perSecond: number;
  #startedAt: Micros = 0;
  #made = 0;

  /** @param options `rate` in observations a second of each device */
  constructor(devices: readonly SimulatedDevice[], options: { rate: number; seed: number }) {
    this.#perSecond = options.rate;
    this.#machines = devices.map((device, index) => {
      // Items of the standard's own, such as the asset events, have no name: the CNC knows them by their type.
      const ids = new Map(itemsOf([device]).map(({ spec }) => [spec.name ?? spec.type, spec.id]));
      return { device: device.name, ids, cnc: new Cnc(options.seed + index, (item) => ids.has(item)) };
    });
  }

  /** Nothing is due before `now`. */
  start(now: Micros): void {
    this.#startedAt = now;
    this.#made = 0;
  }

  /** What is due of every device since the last call, spread evenly over the time since then. */
  *due(now: Micros): Iterable<Due> {
    const total = Math.floor(((now - this.#startedAt) / 1e6) * this.#perSecond);
    for (; this.#made < total; this.#made += 1) {
      const micros = this.#startedAt + Math.floor(((this.#made + 1) / this.#perSecond) * 1e6);
      for (const { device, ids, cnc } of this.#machines) {
        const { item, value } = cnc.say(micros);
        yield { device, item: ids.get(item) ?? item, value, micros };
      }
    }
  }
}
