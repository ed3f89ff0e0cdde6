import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../test/support/brokers.ts';

const READY_MS = 5000;
/** Debian keeps it where the PATH of a user does not look. */
const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/usr/local/sbin` };
/** Takes as many at once as any window, and forgets none for a slow subscriber. */
const CONFIG = ['allow_anonymous true', 'max_inflight_messages 1000', 'max_queued_messages 0', 'log_type none'];

/** A Mosquitto on 127.0.0.1 that logs nothing: a line for each message would be measured too. */
export interface QuietBroker extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
}

/**
 * Starts Mosquitto; resolves when it accepts connections.
 * @param folder for its config
 */
export async function startBroker(folder: string): Promise<QuietBroker> {
  const port = await freePort();
  const file = join(folder, `mosquitto-${port}.conf`);
  const user = process.getuid?.() === 0 ? ['user root'] : [];
  writeFileSync(file, [`listener ${port} 127.0.0.1`, ...user, ...CONFIG, ''].join('\n'));
  const child = spawn('mosquitto', ['-c', file], { env: ENVIRONMENT, stdio: 'ignore' });
  await once(child, 'spawn');
  await accepting(port, child);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline && child.exitCode === null) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(10);
  }
  throw new Error('mosquitto does not accept connections');
}

/** What `mosquitto -h` calls itself. */
export function brokerVersion(): string {
  const { stdout } = spawnSync('mosquitto', ['-h'], { env: ENVIRONMENT, encoding: 'utf8' });
  return /version (\S+)/.exec(stdout ?? '')?.[1] ?? 'none';
}
