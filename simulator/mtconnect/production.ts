import type { Stored } from './state.ts';
import { isCondition, type SimulatedValue, UNAVAILABLE } from './value.ts';

/** One observation as the books of the agent have it. */
export interface Produced {
  /** Name of the device. */
  readonly device: string;
  readonly dataItemId: string;
  /** Of the data item, where it has one. */
  readonly name: string | undefined;
  /** Which life of the agent the sequence belongs to. */
  readonly instanceId: number;
  readonly sequence: number;
  /** As it was sent. */
  readonly timestamp: string;
  readonly value: SimulatedValue;
}

export interface Counts {
  /** All observations. */
  total: number;
  /** Those among them that say that an item is unavailable. */
  unavailable: number;
}

/** What the agent's machines have produced since its first start, over all its lives. */
export class Production {
  /** By name of the device. */
  readonly counts = new Map<string, Counts>();
  /** Everything in the order of production; empty unless the agent records. */
  readonly list: Produced[] = [];
  readonly #record: boolean;
  readonly #tell: ((observation: Produced) => void) | undefined;

  constructor(record: boolean, tell?: (observation: Produced) => void) {
    this.#record = record;
    this.#tell = tell;
  }

  add({ item, sequence, timestamp, value }: Stored, instanceId: number): Produced {
    const { device, spec } = item;
    const counts = this.counts.get(device.name) ?? { total: 0, unavailable: 0 };
    this.counts.set(device.name, counts);
    counts.total += 1;
    if (value === UNAVAILABLE || (isCondition(value) && value.level === UNAVAILABLE)) counts.unavailable += 1;
    const { id: dataItemId, name } = spec;
    const produced = { device: device.name, dataItemId, name, instanceId, sequence, timestamp, value };
    if (this.#record) this.list.push(produced);
    this.#tell?.(produced);
    return produced;
  }
}
