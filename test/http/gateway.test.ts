import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { ApiHistory, ApiSignal, ApiState } from '../../src/http/api.ts';
import { freePort } from '../support/brokers.ts';
import { type RunningGateway, runGateway, until } from '../support/plant.ts';
import { TOKEN } from './support.ts';

const MACHINE = 'vmc-1';
const KNOWN = { headers: { authorization: `Bearer ${TOKEN}` } };

/** A gateway process that reads a simulated machine and has no broker. */
async function running(t: Test, port: number): Promise<{ gateway: RunningGateway; url: string }> {
  const agent = new SimulatedAgent({ devices: [{ name: MACHINE }], version: '2.0', rate: 50 });
  await agent.start();
  t.teardown(() => agent.stop());
  agent.run();
  const folder = t.testdir();
  const file = join(folder, 'gateway.yaml');
  const config = {
    gateway: { id: 'gw-1', tenant: 'acme', dataDir: join(folder, 'data') },
    machines: [{ id: MACHINE, driver: 'mtconnect', url: agent.url.href, device: MACHINE }],
    uplink: { url: `mqtt://127.0.0.1:${await freePort()}` },
    http: { listen: `127.0.0.1:${port}`, token: '${env:PAGE_TOKEN}' },
    log: { format: 'json' },
  };
  writeFileSync(file, stringify(config));
  const gateway = runGateway(file, { PAGE_TOKEN: TOKEN });
  t.teardown(async () => {
    gateway.child.kill('SIGKILL');
    await gateway.exited;
  });
  return { gateway, url: `http://127.0.0.1:${port}` };
}

const statusOf = (url: string) =>
  fetch(url).then(
    ({ status }) => status,
    () => undefined,
  );

t.test('a gateway tells over HTTP what it reads, and ends in time with viewers', async (t) => {
  const { gateway, url } = await running(t, await freePort());
  await until('the gateway is ready', async () => (await statusOf(`${url}/readyz`)) === 200);
  t.equal(await statusOf(`${url}/healthz`), 200);
  t.equal(await statusOf(`${url}/api/state`), 401);

  const ask = async <T>(path: string): Promise<T> => (await fetch(`${url}${path}`, KNOWN)).json() as Promise<T>;
  await until('observations are read', async () => {
    const { machines } = await ask<ApiState>('/api/state');
    return (machines[0]?.observations ?? 0) > 100;
  });
  t.match(await ask<ApiState>('/api/state'), {
    tenant: 'acme',
    gateway: 'gw-1',
    uplink: { state: /connecting|waiting/ },
    machines: [{ id: MACHINE, driver: 'mtconnect', link: 'streaming' }],
  });
  const metrics = await (await fetch(`${url}/metrics`, KNOWN)).text();
  const [, read] = /^ingest_messages_total\{machine="vmc-1",tenant="acme",gateway="gw-1"\} (\d+)$/m.exec(metrics) ?? [];
  t.ok(Number(read) > 100, `${read} observations`);
  t.match(metrics, /^edge_gateway_uplink_connected\{.*\} 0$/m);

  const stop = new AbortController();
  t.teardown(() => stop.abort());
  const live = await fetch(`${url}/api/live?machine=${MACHINE}`, { ...KNOWN, signal: stop.signal });
  let text = '';
  for await (const chunk of live.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk;
    if ([...text.matchAll(/^event: signals$/gm)].length >= 3) break;
  }
  const [all = [], ...changes] = [...text.matchAll(/^event: signals\ndata: (.*)\n\n/gm)].map(
    ([, json = '']): ApiSignal[] => JSON.parse(json),
  );
  t.ok(all.some(({ name }) => name === 'rpm'));
  t.ok(changes.every((changed) => changed.length > 0 && changed.length <= all.length));

  const numeric = all.find(({ v }) => typeof v === 'number')?.name ?? '';
  const now = Date.now();
  await until('what was read is history', async () => {
    const path = `/api/machines/${MACHINE}/history?signal=${numeric}&from=${now - 60_000}&to=${now + 60_000}&points=100`;
    const { signals } = await ask<ApiHistory>(path);
    return (signals[numeric]?.t.length ?? 0) > 0;
  });

  const viewer = await fetch(`${url}/api/live`, KNOWN);
  const ended = viewer.text();
  const from = performance.now();
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
  t.ok(performance.now() - from < 5000);
  t.match(await ended, /^event: state$/m, 'the viewer was told the end');
  t.notOk(JSON.stringify(gateway.lines).includes(TOKEN), 'no log has the token');
});

t.test('a gateway whose port is taken reads and says so in one line', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { gateway } = await running(t, (taken.address() as AddressInfo).port);
  await until('the machine is read', () => gateway.lines.some(({ msg }) => msg === 'streaming'));
  const told = gateway.lines.filter(({ msg }) => msg.includes('status page'));
  t.equal(told.length, 1);
  t.match(
    told[0]?.msg,
    /there is no status page: .* another program does already: choose another http\.listen, or off/,
  );
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
});
