import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { codeOf, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { QuotaSnapshot } from './quota.ts';

const FILE = 'quota.json';

const count = z.object({
  period: z.int(),
  used: z.int().nonnegative(),
  told: z.int().nonnegative(),
  silent: z.boolean().optional(),
});
const snapshotSchema = z.object({
  pointsPerHour: count.optional(),
  machines: count.optional(),
  alertsPerDay: count.optional(),
});

/**
 * Keeps what was used of the quotas over a restart, in the data folder. Written whole or not at all; what a kill costs is
 * what was counted since it was written last. Never rejects: a disk that fails costs the counts, and is told once.
 */
export class QuotaFile {
  readonly #path: string;
  readonly #log: Log;
  #written = '';
  #isTold = false;

  constructor(dataDir: string, log: Log) {
    this.#path = join(dataDir, FILE);
    this.#log = log;
  }

  /** Undefined where there is none, or none that can be read. */
  async read(): Promise<QuotaSnapshot | undefined> {
    try {
      this.#written = await readFile(this.#path, 'utf8');
      const { data, success } = snapshotSchema.safeParse(JSON.parse(this.#written));
      if (success) return data as QuotaSnapshot;
      this.#log.warn(`${this.#path} is damaged: quotas are counted anew`);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') {
        this.#log.warn(`${this.#path} cannot be read (${messageOf(error)}): quotas are counted anew`);
      }
    }
    return undefined;
  }

  /** Does nothing where nothing has changed. One call at a time. */
  async write(snapshot: QuotaSnapshot): Promise<void> {
    const text = `${JSON.stringify(snapshot)}\n`;
    if (text === this.#written) return;
    try {
      await using file = await open(`${this.#path}.new`, 'w', 0o640);
      await file.writeFile(text);
      await file.sync();
      await rename(`${this.#path}.new`, this.#path);
      this.#written = text;
      this.#isTold = false;
    } catch (error) {
      if (!this.#isTold) this.#log.warn(`${this.#path} cannot be written (${messageOf(error)}): it is tried again`);
      this.#isTold = true;
    }
  }
}
