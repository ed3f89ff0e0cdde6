import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stringify } from 'yaml';
import { within } from '../abort.ts';
import { PROJECT_ROOT } from '../project-root.ts';
import { RIG_CONFIG } from './bearing-rig.ts';
import type { DemoMachine } from './machines.ts';

const COMMAND = join(PROJECT_ROOT, 'bin/edge-gateway');
const STOP_MS = 8000;

export interface GatewayProcess extends AsyncDisposable {
  /** SIGTERM, and the exit code; null when it had to be killed. */
  stop(): Promise<number | null>;
}

export interface GatewayProcessOptions {
  readonly machines: readonly DemoMachine[];
  readonly uplinkPort: number;
  /** Told the warnings and errors of the gateway's log. */
  readonly tell: (line: string) => void;
}

/** Runs a gateway of its own, as a technician would: config file, data folder, `edge-gateway run`. */
export async function startGateway({ machines, uplinkPort, tell }: GatewayProcessOptions): Promise<GatewayProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'edge-gateway-demo-'));
  const file = join(folder, 'gateway.yaml');
  const config = {
    gateway: { id: 'demo-gw', tenant: 'demo', dataDir: join(folder, 'data') },
    machines,
    uplink: { url: `mqtt://127.0.0.1:${uplinkPort}`, backoff: { min: '200ms', max: '1s' } },
    ...RIG_CONFIG,
    http: { listen: '127.0.0.1:0' },
    log: { format: 'json' },
  };
  await writeFile(file, stringify(config));
  const child = spawn(COMMAND, ['run', '--config', file], { stdio: ['ignore', 'pipe', 'inherit'] });
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { level, msg, machine, part } = JSON.parse(line);
    if (level >= 40 || part === 'http') tell(`gateway: ${machine === undefined ? '' : `${machine}: `}${msg}`);
  });
  const exited = once(child, 'exit');
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      if (!(await within(STOP_MS, exited))) child.kill('SIGKILL');
    }
    await exited;
    return child.exitCode;
  };
  return {
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
