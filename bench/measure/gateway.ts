import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ask } from '../../src/control/client.ts';
import type { ApiState } from '../../src/http/api.ts';
import { freePort } from '../../test/support/brokers.ts';

const START_MS = 120_000;
const PROGRAM = join(import.meta.dirname, '../../dist/src/main.js');

/** A gateway process. */
export interface Gateway extends AsyncDisposable {
  readonly pid: number;
  readonly dataDir: string;
  /** Milliseconds from the start of the process to its word that it runs. */
  readonly startMs: number;
  status(): Promise<ApiState>;
  /** Of the page of metrics, by name; NaN where there is none. */
  metric(name: string): Promise<number>;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
}

/**
 * Starts what `npm run build` has made, as its start script does, and resolves when it runs.
 * @param folder in which it gets a folder of its own
 * @param config but for `gateway`, `http` and `log`
 * @param dataDir of an earlier gateway; default: an empty one
 * @throws Error with its last lines where it ends instead
 */
export async function startGateway(
  folder: string,
  config: object,
  { env = {}, dataDir }: { env?: Readonly<Record<string, string>>; dataDir?: string } = {},
): Promise<Gateway> {
  const own = mkdtempSync(join(folder, 'gateway-'));
  const file = join(own, 'gateway.yaml');
  const data = dataDir ?? join(own, 'data');
  const listen = `127.0.0.1:${await freePort()}`;
  const rest = { http: { listen }, log: { format: 'json', level: 'info' } };
  // JSON is YAML, and has no aliases.
  writeFileSync(file, JSON.stringify({ gateway: { id: 'gw', tenant: 'acme', dataDir: data }, ...config, ...rest }));
  const begun = performance.now();
  const child = spawn(process.execPath, ['--max-semi-space-size=1', PROGRAM, 'run', '--config', file], {
    env: { ...process.env, MALLOC_ARENA_MAX: '1', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  const runs = Promise.withResolvers<void>();
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on('line', (line) => {
      if (line.includes('"msg":"runs"')) runs.resolve();
      if (lines.push(line) > 20) lines.shift();
    });
  }
  const exited = once(child, 'exit');
  const early = exited.then(() => Promise.reject(new Error(`the gateway has ended: ${lines.join('\n')}`)));
  early.catch(() => undefined);
  const late = AbortSignal.timeout(START_MS);
  await Promise.race([runs.promise, early, once(late, 'abort').then(() => Promise.reject(late.reason))]);
  const startMs = performance.now() - begun;
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return {
    pid: child.pid as number,
    dataDir: data,
    startMs,
    status: () => ask<ApiState>(data, { command: 'status' }),
    async metric(name) {
      const text = await (await fetch(`http://${listen}/metrics`)).text();
      return Number(new RegExp(`^${name}\\S* (\\S+)`, 'm').exec(text)?.[1]);
    },
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: () => end('SIGKILL'),
  };
}
