import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Test } from 'tap';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const WITHIN_MS = 10_000;

/** Reason to skip a test: false, or that `script` (Debian package `bsdutils`, Linux's own) is not there. */
export const noTerminal: string | false = spawnSync('script', ['--version']).stdout?.includes('util-linux')
  ? false
  : 'no script of util-linux';

export const KEY = { enter: '\r', down: '\x1b[B', space: ' ', ctrlC: '\x03', killLine: '\x15' } as const;

/** A command at a terminal of its own: what it shows can be awaited, and keys pressed. */
export class Terminal {
  /** All that was shown, without what moves the cursor. */
  screen = '';
  #seen = 0;
  readonly #child;
  readonly ended: Promise<number>;

  constructor(t: Test, folder: string, args: readonly string[]) {
    const line = ['exec', process.execPath, MAIN, ...args]
      .map((word) => `'${word}'`.replace(/^'exec'$/, 'exec'))
      .join(' ');
    this.#child = spawn('script', ['-qec', `stty cols 120 rows 40; ${line}`, '/dev/null'], {
      cwd: folder,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env['PATH'], HOME: folder, TERM: 'xterm', SHELL: '/bin/sh' },
    });
    this.#child.stdout.on('data', (text) => {
      this.screen += stripVTControlCharacters(String(text));
      this.#child.emit('shown');
    });
    this.ended = once(this.#child, 'close').then(([status]) => status);
    t.teardown(() => this.#child.kill('SIGKILL'));
  }

  /** Resolves when a text appears behind those that were awaited before. @throws Error with the screen after 10 s */
  async shows(text: string): Promise<void> {
    const limit = AbortSignal.timeout(WITHIN_MS);
    for (;;) {
      const at = this.screen.indexOf(text, this.#seen);
      if (at >= 0) {
        this.#seen = at + text.length;
        return;
      }
      await once(this.#child, 'shown', { signal: limit }).catch(() => {
        throw new Error(`${JSON.stringify(text)} did not appear on:\n${this.screen}`);
      });
    }
  }

  press(...keys: readonly string[]): void {
    this.#child.stdin.write(keys.join(''));
  }

  /** Waits for a question and answers it. */
  async answer(question: string, ...keys: readonly string[]): Promise<void> {
    await this.shows(question);
    this.press(...keys);
  }
}
