/** The four tables of the Modbus data model (Modbus Application Protocol 1.1b3, 4.3). */
export const TABLES = ['coil', 'discrete', 'input', 'holding'] as const;
export type Table = (typeof TABLES)[number];

/** First and last address, counted from 0. */
export type Range = readonly [first: number, last: number];

/** What a unit holds: bits as 0 or 1, registers as 0…65,535. What was never defined is a hole. */
export class Tables {
  readonly #values: Readonly<Record<Table, Map<number, number>>> = {
    coil: new Map(),
    discrete: new Map(),
    input: new Map(),
    holding: new Map(),
  };

  /** The addresses exist from now on, with 0 where they were holes. */
  define(table: Table, [first, last]: Range): void {
    const values = this.#values[table];
    for (let address = first; address <= last; address++) values.set(address, values.get(address) ?? 0);
  }

  /** Writes from `address` on; holes are filled. */
  set(table: Table, address: number, values: readonly number[]): void {
    for (const [index, value] of values.entries()) this.#values[table].set(address + index, value & 0xffff);
  }

  /** Undefined where a hole is among them. */
  get(table: Table, address: number, count: number): number[] | undefined {
    const values: number[] = [];
    for (let at = address; at < address + count; at++) {
      const value = this.#values[table].get(at);
      if (value === undefined) return undefined;
      values.push(value);
    }
    return values;
  }
}
