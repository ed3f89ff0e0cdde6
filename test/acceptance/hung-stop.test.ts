import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { freePort } from '../support/brokers.ts';
import { hangingDisk, noCompiler } from '../support/slow-disk.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
/** Every step of the stop is bounded, and the computer is busy. */
const STOPS_MS = 20_000;

t.test('a disk that never answers does not keep a gateway from stopping', { skip: noCompiler }, async (t) => {
  const folder = t.testdir();
  const [file, hang] = [join(folder, 'gateway.yaml'), join(folder, 'hang')];
  const agent = new SimulatedAgent({ devices: [{ name: 'mill' }], rate: 50 });
  await agent.start();
  t.teardown(() => agent.stop());
  const config = {
    gateway: { id: 'gw', tenant: 'acme', dataDir: join(folder, 'data') },
    machines: [{ id: 'mill', driver: 'mtconnect', url: agent.url.href }],
    uplink: { url: `mqtt://127.0.0.1:${await freePort()}` },
    http: { listen: 'off' },
    log: { format: 'json' },
  };
  writeFileSync(file, stringify(config));
  const { NODE_OPTIONS: _, ...env } = process.env;
  const child = spawn(process.execPath, [MAIN, 'run', '--config', file], {
    env: { ...env, ...hangingDisk(folder, hang) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => rmSync(hang, { force: true }));
  t.teardown(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) if (line.includes('"streaming"')) break;
  writeFileSync(hang, '');
  agent.run();
  child.kill('SIGTERM');
  const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(STOPS_MS) });
  t.not(code, 0, 'and it is no success: not all was committed');
});
