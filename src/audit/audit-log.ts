import { randomBytes } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { explain } from '../errors.ts';
import { newestOfOlder, openAudit, rotate, type Tail, tailOf } from './audit-file.ts';
import { type AuditEntry, type Audited, lineOf } from './entry.ts';

/** A file that has grown to this is followed by another one. */
const MAX_FILE_BYTES = 8 * 2 ** 20;
/** Longest line; what is longer is told without its detail. */
const MAX_LINE_BYTES = 16 * 1024;
/** Lines that wait for a slow disk at most. */
const MAX_WAITING = 256;

/** What looks like a torn line may be one that another process is writing: it is looked at again so often, after so long. */
const LOOKS = 5;
const LOOK_AGAIN_MS = 10;

/** What happened. */
export interface Happening {
  readonly what: Audited;
  readonly who: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface AuditLogOptions {
  readonly dataDir: string;
  readonly log: { warn(line: string): void };
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Whether it may begin a new file: the running gateway does, a command that writes one line beside it does not. */
  readonly mayRotate?: boolean;
  readonly maxFileBytes?: number;
}

/**
 * What was done to a gateway, by whom and when: `audit.ndjson` in its data folder, one JSON object a line, on the disk
 * (fsync) before the promise of `add` resolves.
 *
 * - Proof: each line has the SHA-256 of the newest line before it, and the number that it has of its writer, so that a line
 *   that was changed or taken out is found (`verifyAudit`).
 * - Concurrency: each process is a writer; any number of them append without a lock, and none waits for another. Two that write
 *   at the very same moment may follow the same line: the chain forks there, and goes on from the later one.
 * - Faults: a disk that fails costs lines, never the gateway: `add` does not reject, it is logged once, and the next line that can
 *   be written says how many are missing.
 */
export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #writer = randomBytes(6).toString('hex');
  #seq = 0;
  #last: string | undefined;
  #waiting = 0;
  #missed = 0;
  #isTold = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Hash of the newest line that this process has written, which proves everything before it. */
  get last(): string | undefined {
    return this.#last;
  }

  /** Appends a line, after those that wait. Resolves when it is on the disk, or was given up. Never rejects. */
  add(happening: Happening): Promise<void> {
    if (this.#waiting >= MAX_WAITING) {
      this.#failed(new Error(`${MAX_WAITING} lines wait for the disk already`));
      return Promise.resolve();
    }
    this.#waiting += 1;
    const t = (this.#options.now ?? Date.now)();
    this.#turn = this.#turn
      .then(() => this.#append({ t, ...happening }))
      .catch((error: unknown) => this.#failed(error))
      .finally(() => {
        this.#waiting -= 1;
      });
    return this.#turn;
  }

  #failed(error: unknown): void {
    this.#missed += 1;
    const what = `the audit log in ${this.#options.dataDir} cannot be written: ${explain(error)}. Everything else goes on`;
    if (!this.#isTold) this.#options.log.warn(what);
    this.#isTold = true;
  }

  async #append(happening: Happening & { readonly t: number }): Promise<void> {
    const { dataDir, mayRotate = false, maxFileBytes = MAX_FILE_BYTES } = this.#options;
    let file = await openAudit(dataDir);
    try {
      let tail = await settledTail(file);
      if (mayRotate && tail.size >= maxFileBytes) {
        await file.close();
        await rotate(dataDir);
        file = await openAudit(dataDir);
        tail = await settledTail(file);
      }
      const prev = tail.hash ?? (await newestOfOlder(dataDir)) ?? '';
      const { text, hash } = this.#line(happening, prev, tail.torn);
      // One write: what two processes append does not mix.
      const bytes = Buffer.from(`${tail.torn > 0 ? '\n' : ''}${text}\n`);
      const { bytesWritten } = await file.write(bytes);
      if (bytesWritten < bytes.length) throw new Error('the disk took a part of the line only');
      await file.sync();
      this.#seq += 1;
      this.#last = hash;
      this.#missed = 0;
      this.#isTold = false;
    } finally {
      await file.close();
    }
  }

  #line({ t, what, who, detail = {} }: Happening & { readonly t: number }, prev: string, torn: number) {
    const entry: AuditEntry = {
      ...{ t, writer: this.#writer, seq: this.#seq + 1, what, who, detail },
      ...(torn > 0 ? { torn } : {}),
      ...(this.#missed > 0 ? { missed: this.#missed } : {}),
      prev,
    };
    const line = lineOf(entry);
    return line.text.length <= MAX_LINE_BYTES ? line : lineOf({ ...entry, detail: { tooLong: line.text.length } });
  }
}

/** How a file ends when nobody is in the middle of a line. */
async function settledTail(file: FileHandle): Promise<Tail> {
  let tail = await tailOf(file);
  for (let look = 1; look < LOOKS && tail.torn > 0; look++) {
    await sleep(LOOK_AGAIN_MS);
    tail = await tailOf(file);
  }
  return tail;
}
