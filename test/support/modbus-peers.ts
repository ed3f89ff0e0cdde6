import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Value } from '../../src/observation.ts';

/** Debian's, which has Debian's pymodbus; whatever other Python is in the path has not. */
export const PYTHON = '/usr/bin/python3';

/** Whether the foreign counterparts must be there, as in CI: then their absence is a failure. */
const isRequired = process.env['REQUIRE_MODBUS_PEERS'] === '1';

/** Reason to skip a test against pymodbus; false where it is there or required. */
export const noPymodbus: string | false = isRequired || hasPymodbus() ? false : 'no python3-pymodbus';

/** Reason to skip a test with libmodbus as the client. */
export const noMbpoll: string | false = isRequired || existsSync('/usr/bin/mbpoll') ? false : 'no mbpoll';

/** A value that the foreign server holds, in the words of our config. */
export interface PeerValue {
  readonly unit: number;
  readonly table: 'holding' | 'input' | 'coil' | 'discrete';
  readonly address: number;
  readonly type: string;
  readonly order?: string;
  readonly length?: number;
  /** What a reader has to make of it: null where there is no number, text where it has more digits than a double. */
  readonly value: Value;
}

/** pymodbus as a server over TCP, and over RTU where it was given a terminal. Disposal ends it. */
export interface PymodbusServer extends AsyncDisposable {
  readonly port: number;
  readonly values: readonly PeerValue[];
}

/**
 * Starts it; resolves when it accepts connections and has opened the terminal.
 * @throws Error with what Python said, where it cannot
 */
export async function startPymodbus(serialPath?: string): Promise<PymodbusServer> {
  const script = join(import.meta.dirname, 'pymodbus-server.py');
  const child = spawn(PYTHON, [script, ...(serialPath === undefined ? [] : [serialPath])]);
  const exited = once(child, 'exit');
  const said: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk));
  for await (const line of createInterface({ input: child.stdout })) {
    const { port, values } = JSON.parse(line) as { port: number; values: PeerValue[] };
    const dispose = async () => {
      child.kill();
      await exited;
    };
    return { port, values, [Symbol.asyncDispose]: dispose };
  }
  throw new Error(`pymodbus ended: ${Buffer.concat(said)}`);
}

function hasPymodbus(): boolean {
  return spawnSync(PYTHON, ['-c', 'import pymodbus.server, serial']).status === 0;
}
