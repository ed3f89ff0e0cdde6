import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Whether CI wants the foreign counterparts to be there. */
const isRequired = process.env['REQUIRE_MODBUS_PEERS'] === '1';

/** Reason to skip a test: false where socat is there or required. */
export const noPty: string | false = existsSync('/usr/bin/socat') || isRequired ? false : 'no socat';

/** Two terminals, each the far end of the other. Disposal hangs both up. */
export interface PtyPair extends AsyncDisposable {
  readonly paths: readonly [string, string];
}

/**
 * Makes a pair of pseudo-terminals with socat, in raw mode, as links below `folder`. Resolves when both can be opened.
 * @throws Error with what socat said, where it cannot
 */
export async function openPtyPair(folder: string): Promise<PtyPair> {
  const paths = [join(folder, 'pty-a'), join(folder, 'pty-b')] as const;
  const [a, b] = paths.map((path) => `pty,raw,echo=0,link=${path}`) as [string, string];
  // Twice the detail, as its notices tell when the transfer begins.
  const child = spawn('socat', ['-d', '-d', a, b], { stdio: ['ignore', 'ignore', 'pipe'] });
  const said: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line);
    if (!line.includes('starting data transfer loop')) continue;
    child.stderr.resume();
    return { paths, [Symbol.asyncDispose]: () => hangUp(child) };
  }
  throw new Error(`socat ended: ${said.join('\n')}`);
}

async function hangUp(child: ReturnType<typeof spawn>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill();
  await exited;
}
