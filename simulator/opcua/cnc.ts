import { CncLife } from './cnc-life.ts';
import type { CncNodes } from './cnc-nodes.ts';
import { LEAVES, type Leaf, type LeafPath, type Produced, type StatusName } from './leaves.ts';

/** A value that a variable was given. */
export interface Written {
  readonly path: string;
  readonly value: Produced;
  /** Name of its StatusCode. */
  readonly status: StatusName;
  readonly sourceTimestamp: Date;
}

/** A machine that lives on while its server restarts. Each value is written when it has changed, with a time of its own. */
export class SimulatedCnc {
  readonly name: string;
  readonly serial: string;
  readonly #life: CncLife;
  readonly #stamp: (key: string) => Date;
  readonly #onWritten: (written: Written) => void;
  #nodes: CncNodes | undefined;
  /** What was written last, as text. */
  readonly #latest = new Map<LeafPath, string>();
  readonly #faults = new Map<LeafPath, StatusName>();

  constructor(name: string, seed: number, stamp: (key: string) => Date, onWritten: (written: Written) => void) {
    this.name = name;
    this.serial = `SIM-${seed}`;
    this.#life = new CncLife(seed);
    this.#stamp = stamp;
    this.#onWritten = onWritten;
  }

  /** Shows itself in an address space from now on, with all its values. */
  attach(nodes: CncNodes): void {
    this.#nodes = nodes;
    this.#latest.clear();
    this.step(0);
  }

  /** Lets time pass and writes what has changed. */
  step(seconds: number): void {
    const nodes = this.#nodes;
    for (const [path, value] of Object.entries(this.#life.step(seconds)) as [LeafPath, Produced][]) {
      if (nodes === undefined || !nodes.has(path)) continue;
      const status = this.#statusOf(path);
      const text = JSON.stringify([value, status]);
      if (this.#latest.get(path) === text) continue;
      this.#latest.set(path, text);
      const sourceTimestamp = this.#stamp(`${this.name}/${path}`);
      nodes.write(path, value, status, sourceTimestamp);
      this.#onWritten({ path, value, status, sourceTimestamp });
    }
  }

  /** From the next step on. @throws RangeError where there is no such path */
  fail(path: string, status: StatusName): void {
    this.#faults.set(known(this.name, path), status);
  }

  heal(path: string): void {
    this.#faults.delete(known(this.name, path));
  }

  /** Takes a leaf out of the address space. @throws RangeError where it is not there */
  remove(path: string): void {
    if (!this.#nodes?.has(path)) throw new RangeError(`there is no ${this.name}/${path}`);
    this.#nodes.remove(path);
    this.#latest.delete(path);
  }

  /** Puts it back, under the same id; its value comes with the next step. */
  restore(path: string): void {
    this.#nodes?.add(known(this.name, path));
  }

  #statusOf(path: LeafPath): StatusName {
    const leaf: Leaf = LEAVES[path];
    return this.#faults.get(path) ?? leaf.status ?? 'Good';
  }
}

function known(machine: string, path: string): LeafPath {
  if (Object.hasOwn(LEAVES, path)) return path as LeafPath;
  throw new RangeError(`there is no ${machine}/${path}`);
}
