import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Register that is 0 and 100 by turns, ten ticks each. */
export const WAVE = 60_000;

/** Simulated Modbus machines in another process, written in C: they take no time from the gateway. */
export interface Source extends AsyncDisposable {
  /** One for each machine, with the unit. */
  readonly urls: readonly string[];
}

/**
 * Compiles and starts it.
 * @param folder for the program
 * @param tickMs how often its registers change
 */
export async function startSource(folder: string, machines: number, tickMs: number): Promise<Source> {
  const program = join(folder, 'modbus-source');
  execFileSync('gcc', ['-O2', '-o', program, join(import.meta.dirname, '../source/modbus-source.c')]);
  const child = spawn(program, [String(machines), String(tickMs)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    urls: line
      .trim()
      .split(' ')
      .map((port) => `modbus://127.0.0.1:${port}/1`),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.stdin.end();
      await exited;
    },
  };
}

export interface PolledOptions {
  readonly signals: number;
  readonly poll: string;
  /** More keys of the machine. */
  readonly more?: object;
  /** More signals. */
  readonly also?: Readonly<Record<string, object>>;
}

/** Machine entries of a config, one for each URL, that read the registers from 0 on. */
export function polledMachines(
  urls: readonly string[],
  { signals, poll, more = {}, also = {} }: PolledOptions,
): object[] {
  const numbers = Array.from({ length: signals }, (_, i) => [`s${i}`, { address: i, scale: 0.1 }]);
  return urls.map((url, i) => ({
    ...{ id: `m${i}`, driver: 'modbus', url, poll },
    signals: { ...Object.fromEntries(numbers), ...also },
    ...more,
  }));
}
