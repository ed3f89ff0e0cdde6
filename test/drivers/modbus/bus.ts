import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, watch } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { Test } from 'tap';
import { Device } from './device.ts';

/** Why tests of serial lines are skipped; false where there is socat. */
export const noSocat = existsSync('/usr/bin/socat') ? (false as const) : 'socat is not installed';

/**
 * A serial line: a pseudo-terminal that the driver opens, and a device behind it. The bytes go through socat, unhurried by
 * any baud rate. Both end with the test.
 */
export async function busFor(
  test: Test,
  device = new Device(),
): Promise<{ device: Device; path: string; unplug: () => Promise<void>; plug: () => Promise<void> }> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    test.teardown(() => socket.destroy());
    device.serveRtu(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const folder = test.testdir();
  const path = join(folder, 'ttyS0');
  let child: ChildProcess | undefined;
  const plug = async (): Promise<void> => {
    const watcher = watch(folder);
    child = spawn('socat', [`PTY,raw,echo=0,link=${path}`, `TCP:127.0.0.1:${port},nodelay`], { stdio: 'ignore' });
    while (!existsSync(path)) await once(watcher, 'change');
    watcher.close();
  };
  const unplug = async (): Promise<void> => {
    // socat takes its link away when it is asked to end.
    child?.kill('SIGTERM');
    if (child?.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  test.teardown(unplug);
  await plug();
  test.teardown(() => device.close());
  return { device, path, plug, unplug };
}

export const serialUrl = (path: string, unit: number): string =>
  `modbus+rtu://${path}?baud=115200&parity=none&unit=${unit}`;
