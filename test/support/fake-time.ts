import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (platform) => `/usr/lib/${platform}/faketime/libfaketimeMT.so.1`,
);
const library = LIBRARIES.find((path) => existsSync(path));

/** Reason to skip a test: false, or that there is no libfaketime (Debian package `faketime`). Required in CI. */
export const noFakeTime: string | false =
  library !== undefined || process.env['REQUIRE_MOSQUITTO'] === '1' ? false : 'no faketime';

/**
 * The wall clock of another process in the hands of a test, below Node.js: its monotonic clock runs on as the kernel's
 * does when somebody sets the time. With it comes a `timedatectl` that says what the test wants.
 */
export class FakeTime {
  readonly #folder: string;

  /** @param folder for its files */
  constructor(folder: string, { offset, synced }: { offset: number; synced: boolean }) {
    this.#folder = folder;
    mkdirSync(join(folder, 'bin'));
    const answer = join(folder, 'synced');
    writeFileSync(join(folder, 'bin', 'timedatectl'), `#!/bin/sh\ncat ${answer}\n`, { mode: 0o755 });
    this.synced = synced;
    this.set(offset);
  }

  /** Environment of the process. */
  get env(): Record<string, string> {
    return {
      LD_PRELOAD: library ?? '',
      FAKETIME_TIMESTAMP_FILE: join(this.#folder, 'time'),
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      PATH: `${join(this.#folder, 'bin')}:${process.env['PATH']}`,
    };
  }

  /** Sets the clock to the true time and `seconds`; the process has it within a second. */
  set(seconds: number): void {
    this.#write('time', seconds < 0 ? `${seconds}` : `+${seconds}`);
  }

  /** Whether the time counts as synchronised. */
  set synced(synced: boolean) {
    this.#write('synced', synced ? 'yes' : 'no');
  }

  #write(name: string, text: string): void {
    const path = join(this.#folder, name);
    writeFileSync(`${path}.new`, `${text}\n`);
    renameSync(`${path}.new`, path);
  }
}
